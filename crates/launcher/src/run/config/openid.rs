//! `[openid]`: the provider of OpenID Connect by which people sign in.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use launcher_model::role::Role;
use launcher_openid::{CLAIM, GROUPS, Settings};
use serde::Deserialize;

use super::notify::certificates;
use super::web::web_address;
use crate::run::secret;

/// A provider, and who may come in by it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OpenId {
    /// What it calls itself, which is its address.
    issuer: String,
    /// What it calls this installation.
    client_id: String,
    /// By which it knows it.
    client_secret_file: Option<PathBuf>,
    /// Whose certificates are believed beside those of this machine.
    ca_file: Option<PathBuf>,
    /// What people call it.
    name: Option<String>,
    /// What it is asked for beside what is always.
    #[serde(default)]
    scopes: Vec<String>,
    /// Which claim is a person's name here.
    claim: Option<String>,
    /// Which has their groups.
    groups_claim: Option<String>,
    /// The role everywhere of who is in a group.
    #[serde(default)]
    roles: BTreeMap<String, Role>,
    /// Whether somebody unknown who is in one is added.
    #[serde(default)]
    add_people: bool,
}

impl OpenId {
    /// What is said of it, checked; `url` is the address of these pages.
    pub(super) fn read(self, url: Option<&str>) -> Result<Settings> {
        let Some(url) = url else {
            bail!(
                "[openid] needs url, the address of these pages, to which the provider leads people back; write for example url = \"https://launcher.example.com\" at the top of the file"
            )
        };
        let url = web_address("url", url, "https://launcher.example.com")?;
        let client_secret = self.client_secret_file.as_deref();
        let client_secret = client_secret.map(|path| secret::read("[openid] client_secret", path));
        let authority = certificates("[openid] ca_file", self.ca_file.as_deref())?;
        let host = || self.issuer.split_once("://").map_or(self.issuer.as_str(), |(_, rest)| rest);
        let name = self.name.clone().unwrap_or_else(|| host().trim_end_matches('/').to_owned());
        if name.trim().is_empty() || name.chars().count() > 40 || name.chars().any(char::is_control)
        {
            bail!(
                "[openid] name is {name:?}; it stands on the button, and has 1 to 40 visible characters"
            );
        }
        let settings = Settings {
            client_secret: client_secret.transpose()?,
            authority,
            name,
            scopes: self.scopes,
            claim: self.claim.unwrap_or_else(|| CLAIM.to_owned()),
            groups_claim: self.groups_claim.unwrap_or_else(|| GROUPS.to_owned()),
            roles: self.roles,
            add_people: self.add_people,
            issuer: self.issuer,
            client_id: self.client_id,
            url,
        };
        settings.check().context("[openid] cannot be used")?;
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: Option<&str> = Some("https://launcher.example.com");

    fn read(text: &str) -> Result<Settings> {
        let text = format!("client_id = \"launcher\"\n{text}");
        toml::from_str::<OpenId>(&text)?.read(URL)
    }

    #[test]
    fn a_provider_is_its_address_and_what_it_calls_us() {
        let settings = read("issuer = \"https://id.example.com/realms/team\"").unwrap();
        assert_eq!(settings.name, "id.example.com/realms/team");
        assert_eq!((settings.claim.as_str(), settings.groups_claim.as_str()), (CLAIM, GROUPS));
        assert!(settings.client_secret.is_none() && !settings.add_people);
        assert_eq!(settings.callback(), "https://launcher.example.com/login/openid/callback");

        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret");
        std::fs::write(&secret, "5ecret\n").unwrap();
        let settings = read(&format!(
            "issuer = \"https://id.example.com\"\nclient_secret_file = {secret:?}\nname = \"Team\"\nadd_people = true\n\
             [roles]\nops = \"admin\"\n\"/all people\" = \"viewer\""
        ))
        .unwrap();
        assert!(settings.client_secret.is_some());
        assert_eq!(settings.roles.get("/all people"), Some(&Role::Viewer));
    }

    #[test]
    fn what_makes_no_sense_is_refused_at_the_start() {
        for (text, says) in [
            ("issuer = \"http://id.example.com\"", "[openid] cannot be used: issuer is"),
            ("issuer = \"https://a\"\nname = \" \"", "it stands on the button"),
            (
                "issuer = \"https://a\"\nclient_secret_file = \"/nowhere\"",
                "cannot read [openid] client_secret",
            ),
            (
                "issuer = \"https://a\"\nca_file = \"/nowhere\"",
                "[openid] ca_file: cannot read /nowhere",
            ),
            ("issuer = \"https://a\"\nadd_people = true", "roles says nobody's role"),
            ("issuer = \"https://a\"\n[roles]\nall = \"none\"", "the role none; it is viewer"),
            ("issuer = \"https://a\"\n[roles]\nall = \"root\"", "unknown variant `root`"),
            ("issuer = \"https://a\"\nsecret = \"s\"", "unknown field `secret`"),
        ] {
            let refusal = format!("{:#}", read(text).unwrap_err());
            assert!(refusal.contains(says), "{refusal}");
        }
        let openid: OpenId = toml::from_str("client_id = \"a\"\nissuer = \"https://a\"").unwrap();
        let refusal = openid.read(None).unwrap_err().to_string();
        assert!(refusal.contains("[openid] needs url"), "{refusal}");
    }
}
