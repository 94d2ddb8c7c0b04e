//! `[graphite]`: which one, and what it calls what is measured.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use launcher_telemetry::graphite::{
    Carbon, CarbonOptions, Graphite as Connected, Names, Protocol, Web, WebOptions,
};
use serde::Deserialize;

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

    /// Makes what tells it and asks it. Nothing is connected yet.
    pub(crate) fn connect(&self) -> Result<Connected> {
        let has_port = self
            .carbon
            .rsplit_once(':')
            .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
        if !has_port {
            bail!(
                "[graphite] carbon is {:?}; write host and port, such as \"graphite.example.com:2003\"",
                self.carbon
            );
        }
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
        let url = url.parse().with_context(|| {
            format!("[graphite] url is {url:?}; write for example \"https://graphite.example.com\"")
        })?;
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
