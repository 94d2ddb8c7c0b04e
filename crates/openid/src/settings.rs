//! What a team says of its provider.

use std::collections::BTreeMap;

use launcher_model::role::Role;
use reqwest::Url;
use secrecy::SecretString;

use crate::{Error, Result};

/// The claim that is a person's name here, where nothing else is said.
pub const CLAIM: &str = "preferred_username";
/// The claim that has a person's groups, where nothing else is said.
pub const GROUPS: &str = "groups";

/// Where the provider leads people back to, under the address of these pages.
const CALLBACK: &str = "login/openid/callback";
/// Where a sign-in begins.
const START: &str = "login/openid";

/// A provider, and who may come in by it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What it calls itself: an address, to the letter.
    pub issuer: String,
    /// What it calls this installation.
    pub client_id: String,
    /// By which it knows it; none where it takes no secret of it.
    pub client_secret: Option<SecretString>,
    /// Certificates of a private authority, in PEM, that are believed beside those of this machine.
    pub authority: Option<Vec<u8>>,
    /// What people call it.
    pub name: String,
    /// What it is asked for beside `openid`, `profile` and `email`.
    pub scopes: Vec<String>,
    /// The claim that is a person's name here.
    pub claim: String,
    /// The claim that has their groups.
    pub groups_claim: String,
    /// The role everywhere of who is in a group; empty where roles are given here, by administrators.
    pub roles: BTreeMap<String, Role>,
    /// Somebody unknown who has a role by a group is added.
    pub add_people: bool,
    /// The address of these pages, as people reach it.
    pub url: Url,
}

impl Settings {
    /// The address to which the provider leads people back.
    #[must_use]
    pub fn callback(&self) -> String {
        self.under(CALLBACK)
    }

    /// The address at which a sign-in begins: where its cookie is seen again at the end.
    #[must_use]
    pub fn start(&self) -> String {
        self.under(START)
    }

    /// Cookies of these pages only travel over TLS.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.url.scheme() == "https"
    }

    fn under(&self, path: &str) -> String {
        format!("{}/{path}", self.url.as_str().trim_end_matches('/'))
    }

    /// Refuses what makes no sense.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn check(&self) -> Result<()> {
        let wrong = |why: String| Err(Error::Setting(why));
        let issuer = &self.issuer;
        let parsed = Url::parse(issuer).map_err(|error| {
            Error::Setting(format!(
                "issuer is {issuer:?}: {error}; write the provider's address, such as \"https://id.example.com\""
            ))
        })?;
        if parsed.query().is_some() || parsed.fragment().is_some() || !parsed.username().is_empty()
        {
            return wrong(format!(
                "issuer is {issuer:?}; write the provider's address alone, without user, question mark and number sign"
            ));
        }
        if !is_guarded(&parsed) {
            return wrong(format!(
                "issuer is {issuer:?}; it must begin with https://, as whoever stands between could be anybody otherwise (http:// only to localhost)"
            ));
        }
        if self.client_id.is_empty() {
            return wrong(
                "client_id is empty; it is what the provider calls this installation".into(),
            );
        }
        for (key, text) in [("claim", &self.claim), ("groups_claim", &self.groups_claim)] {
            if text.is_empty() {
                return wrong(format!(
                    "{key} is empty; leave it out, or name a claim of the provider's"
                ));
            }
        }
        let bad = |scope: &&String| {
            scope.is_empty()
                || !scope
                    .bytes()
                    .all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
        };
        if let Some(scope) = self.scopes.iter().find(bad) {
            return wrong(format!(
                "scopes has {scope:?}; a scope has no blanks, quotes and backslashes"
            ));
        }
        for (group, role) in &self.roles {
            if !matches!(role, Role::Viewer | Role::Deployer | Role::Admin) {
                return wrong(format!(
                    "roles gives {group:?} the role {role}; it is viewer, deployer or admin"
                ));
            }
        }
        if self.add_people && self.roles.is_empty() {
            return wrong(
                "add_people is true, and roles says nobody's role; add for example [openid.roles] developers = \"deployer\"".into(),
            );
        }
        Ok(())
    }
}

/// Whether nobody can stand between: over TLS, or within this machine.
pub(crate) fn is_guarded(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let address = host.parse::<std::net::IpAddr>();
    let within = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
    url.scheme() == "https" || (url.scheme() == "http" && within)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn settings() -> Settings {
        Settings {
            issuer: "https://id.example.com".to_owned(),
            client_id: "launcher".to_owned(),
            client_secret: None,
            authority: None,
            name: "Example".to_owned(),
            scopes: Vec::new(),
            claim: CLAIM.to_owned(),
            groups_claim: GROUPS.to_owned(),
            roles: BTreeMap::new(),
            add_people: false,
            url: "https://launcher.example.com/".parse().unwrap(),
        }
    }

    #[test]
    fn addresses_are_under_that_of_the_pages() {
        let mut settings = settings();
        assert_eq!(settings.callback(), "https://launcher.example.com/login/openid/callback");
        settings.url = "http://127.0.0.1:7070/launcher".parse().unwrap();
        assert_eq!(settings.start(), "http://127.0.0.1:7070/launcher/login/openid");
        assert!(!settings.is_secure());
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        assert_eq!(settings().check(), Ok(()));
        type Change = &'static dyn Fn(&mut Settings);
        let cases: [(Change, &str); 9] = [
            (&|it| it.issuer = "id".into(), "write the provider's address, such as"),
            (&|it| it.issuer = "http://id.example.com".into(), "must begin with https://"),
            (&|it| it.issuer = "ftp://localhost".into(), "must begin with https://"),
            (&|it| it.issuer = "https://id.example.com/?a".into(), "without user, question mark"),
            (&|it| it.client_id = String::new(), "client_id is empty"),
            (&|it| it.claim = String::new(), "claim is empty"),
            (&|it| it.scopes = vec!["a b".into()], "a scope has no blanks"),
            (&|it| it.add_people = true, "roles says nobody's role"),
            (
                &|it| it.roles = [("bots".to_owned(), Role::Agent)].into(),
                "the role agent; it is viewer, deployer or admin",
            ),
        ];
        for (change, says) in cases {
            let mut settings = settings();
            change(&mut settings);
            let refusal = settings.check().unwrap_err().to_string();
            assert!(refusal.contains(says), "{refusal}");
        }
        let mut within = settings();
        within.issuer = "http://[::1]:9000".to_owned();
        assert_eq!(within.check(), Ok(()));
    }
}
