//! `[graphite]`: which one, and what it calls what is measured.

use std::net::Ipv6Addr;
use std::path::PathBuf;

use anyhow::{Result, bail};
use launcher_telemetry::graphite::{
    Carbon, CarbonOptions, Graphite as Connected, Names, Protocol, Web, WebOptions,
};
use serde::Deserialize;

use super::web_address;
use crate::run::secret;

/// A Graphite.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Graphite {
    /// Where carbon listens, `host:port`.
    carbon: String,
    /// In which of its ways it is told.
    #[serde(default)]
    protocol: Protocol,
    /// What all names begin with.
    prefix: Option<String>,
    /// Where the web application is; nothing is read back without it.
    url: Option<String>,
    /// For the web application, where it asks.
    username: Option<String>,
    password_file: Option<PathBuf>,
}

impl Graphite {
    /// Whether it can be asked for what it was told.
    pub(crate) fn is_readable(&self) -> bool {
        self.url.is_some()
    }

    /// Makes sure that what is said of it makes sense.
    pub(super) fn check(&self) -> Result<()> {
        if !is_host_and_port(&self.carbon) {
            bail!(
                "[graphite] carbon is {:?}, which is no host and port; write for example \"graphite.example.com:2003\"",
                self.carbon
            );
        }
        if let Some(prefix) = &self.prefix {
            check_prefix(prefix)?;
        }
        if let Some(url) = &self.url {
            web_address("[graphite] url", url, "https://graphite.example.com")?;
        }
        Ok(())
    }

    /// Makes what tells it and asks it. Nothing is connected yet.
    pub(crate) fn connect(&self) -> Result<Connected> {
        self.check()?;
        let carbon = CarbonOptions { address: self.carbon.clone(), protocol: self.protocol };
        let names = self.prefix.as_deref().map_or_else(Names::default, Names::new);
        Ok(Connected { names, carbon: Carbon::new(carbon), web: self.web()? })
    }

    fn web(&self) -> Result<Option<Web>> {
        let Some(url) = &self.url else {
            if self.username.is_some() || self.password_file.is_some() {
                bail!("[graphite] has a login for the web application and no url of it");
            }
            return Ok(None);
        };
        let url = web_address("[graphite] url", url, "https://graphite.example.com")?;
        let login = match (&self.username, &self.password_file) {
            (Some(username), Some(path)) => {
                Some((username.clone(), secret::read("Graphite's password", path)?))
            }
            (None, None) => None,
            _ => bail!("[graphite] needs both username and password_file, or neither"),
        };
        Ok(Some(Web::new(WebOptions { url, login })?))
    }
}

/// Whether it is `HOST:PORT`, the colons of an IPv6 address within brackets.
fn is_host_and_port(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let name = match host.strip_prefix('[') {
        Some(address) => address.strip_suffix(']').is_some_and(|it| it.parse::<Ipv6Addr>().is_ok()),
        None => {
            let fits = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
            !host.is_empty() && !host.starts_with('.') && host.chars().all(fits)
        }
    };
    name && port.bytes().all(|byte| byte.is_ascii_digit())
        && port.parse::<u16>().is_ok_and(|n| n > 0)
}

/// A prefix is parts of names with dots between them: another one would stand in Graphite otherwise than in
/// the configuration, or be taken for a pattern when it is asked for.
fn check_prefix(prefix: &str) -> Result<()> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let why = if prefix.is_empty() {
        "which is empty".to_owned()
    } else if prefix.split('.').any(str::is_empty) {
        "which begins or ends with a dot, or has two in a row".to_owned()
    } else if let Some(other) = prefix.chars().find(|c| !fits(*c) && *c != '.') {
        format!("and {other:?} cannot stand in a name")
    } else {
        return Ok(());
    };
    bail!(
        "[graphite] prefix is {prefix:?}, {why}; write letters, digits, dashes and underscores with single dots \
         between them, such as \"launcher\" or \"team.launcher\""
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(more: &str) -> Result<()> {
        let text = if more.contains("carbon") {
            more.to_owned()
        } else {
            format!("carbon = \"graphite.example.com:2003\"\n{more}")
        };
        toml::from_str::<Graphite>(&text).unwrap().check()
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_key() {
        for (text, words) in [
            ("prefix = \"\"", "[graphite] prefix is \"\", which is empty"),
            ("prefix = \"a b\"", "prefix is \"a b\", and ' ' cannot"),
            ("prefix = \"a..b\"", "two in a row"),
            ("prefix = \"launcher.\"", "ends with a dot"),
            ("prefix = \".launcher\"", "begins or ends"),
            ("prefix = \"team/{a,b}\"", "'/' cannot"),
            ("prefix = \"a\\u001b\"", "cannot stand in a name"),
            ("url = \"graphite.example.com\"", "[graphite] url is \"graphite.example.com\""),
            ("url = \"ftp://graphite.example.com\"", "begin with https:// or http://"),
            ("url = \"https://\"", "write for example \"https://graphite.example.com\""),
            ("url = \"https://a b/\"", "write for example"),
            ("url = \" https://a\"", "blank"),
            ("url = \"https://ali:x@graphite\"", "user or password"),
            ("url = \"https://graphite/?a=b\"", "question mark"),
            ("carbon = \"graphite\"", "[graphite] carbon is \"graphite\""),
            ("carbon = \"graphite:http\"", "no host and port"),
            ("carbon = \"gra phite:2003\"", "no host and port"),
            ("carbon = \"tcp://graphite:2003\"", "no host and port"),
            ("carbon = \"::1:2003\"", "no host and port"),
            ("carbon = \"graphite:+2003\"", "no host and port"),
            ("carbon = \"graphite:0\"", "no host and port"),
        ] {
            let refused = read(text).unwrap_err().to_string();
            assert!(refused.contains(words), "{text}: {refused}");
            assert!(refused.contains("write"), "{text}: {refused}");
            assert!(!refused.contains("ali:x"), "{refused}");
        }
    }

    #[test]
    fn what_makes_sense_is_taken() {
        for text in [
            "",
            "prefix = \"team_1.rocket-launcher\"",
            "url = \"https://example.com/graphite/\"",
            "url = \"http://[::1]:8080\"",
            "carbon = \"[::1]:2003\"",
            "carbon = \"10.0.0.1:2004\"",
            "carbon = \"graphite.example.com.:2003\"",
        ] {
            read(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        }
    }
}
