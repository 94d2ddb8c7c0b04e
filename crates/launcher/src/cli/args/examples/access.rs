//! Of what says who may do what.

pub(in crate::cli::args) const SECRET: &str = "\
EXAMPLES
  launcher secret set shop/database-url < url.txt
  launcher secret list";
pub(in crate::cli::args) const SECRET_SET: &str = "\
EXAMPLES
  launcher secret set shop/database-url      asks for it, and does not show it
  pass shop/db | launcher secret set shop/database-url
  launcher secret set shop/tls-key --from-file key.pem

One line end behind the value is left out of what is piped in, and kept of a file. Versions that
exist keep the value that they were launched with.";
pub(in crate::cli::args) const SECRET_LIST: &str = "\
EXAMPLES
  launcher secret list";
pub(in crate::cli::args) const SECRET_UNSET: &str = "\
EXAMPLES
  launcher secret unset shop/database-url";
pub(in crate::cli::args) const TOKEN: &str = "\
EXAMPLES
  launcher token create ci
  launcher token revoke ci";
pub(in crate::cli::args) const TOKEN_CREATE: &str = "\
EXAMPLES
  launcher token create ci > ci-token
  launcher token create web1 --role agent > agent-token
  launcher token create sensu --role viewer > sensu-token
  launcher token create shop-ci --role none --on shop=deployer > shop-ci-token

A token may do everything, unless it has a role: agent, to tell what a host uses and nothing else,
viewer, to look and change nothing, deployer, to launch and deploy, or none. --on adds a role on one
service: one that may do nothing everywhere sees that service alone.";
pub(in crate::cli::args) const TOKEN_LIST: &str = "\
EXAMPLES
  launcher token list";
pub(in crate::cli::args) const TOKEN_REVOKE: &str = "\
EXAMPLES
  launcher token revoke ci";
pub(in crate::cli::args) const TOKEN_RECOVER: &str = "\
EXAMPLES
  systemctl stop launcher && launcher token recover && systemctl start launcher";
pub(in crate::cli::args) const PERSON: &str = "\
EXAMPLES
  launcher person add mika --role deployer
  launcher person list";
pub(in crate::cli::args) const PERSON_ADD: &str = "\
EXAMPLES
  launcher person add mika                             may look everywhere
  launcher person add mika --on shop=deployer          and deploy shop
  launcher person add anna --role none --on shop=viewer    sees shop alone
  launcher person add ben --role admin --password < password

Without --password a link is printed, on which they set a password of their own.";
pub(in crate::cli::args) const PERSON_LIST: &str = "\
EXAMPLES
  launcher person list
  launcher person list --json";
pub(in crate::cli::args) const PERSON_SHOW: &str = "\
EXAMPLES
  launcher person show mika";
pub(in crate::cli::args) const PERSON_SET: &str = "\
EXAMPLES
  launcher person set mika --role admin
  launcher person set mika --on shop=deployer --off mail
  launcher person set mika --disable
  launcher person set mika --forget-openid";
pub(in crate::cli::args) const PERSON_REMOVE: &str = "\
EXAMPLES
  launcher person remove mika";
pub(in crate::cli::args) const PERSON_PASSWORD: &str = "\
EXAMPLES
  launcher person password mika              asks for it, and does not show it
  launcher person password mika --link       lets them set one

All their sessions end.";
pub(in crate::cli::args) const SESSION: &str = "\
EXAMPLES
  launcher session list
  launcher session revoke 12";
pub(in crate::cli::args) const SESSION_LIST: &str = "\
EXAMPLES
  launcher session list
  launcher session list --json";
pub(in crate::cli::args) const SESSION_REVOKE: &str = "\
EXAMPLES
  launcher session revoke 12";
pub(in crate::cli::args) const AUDIT: &str = "\
EXAMPLES
  launcher audit
  launcher audit --who mika --since 7d
  launcher audit --kind refused,failed --from 2026-11-01 --to 2026-12-01
  launcher audit --service shop --csv > shop.csv";
pub(in crate::cli::args) const LOGIN: &str = "\
EXAMPLES
  launcher login https://launcher.example.com   asks for the token
  launcher login https://launcher.example.com < token

The URL and the token are kept in rocket-launcher/login.toml in your configuration folder, readable
by you alone. LAUNCHER_URL and LAUNCHER_TOKEN overrule them.";
pub(in crate::cli::args) const LOGOUT: &str = "\
EXAMPLES
  launcher logout

The token stays valid; `launcher token revoke` ends it.";
