//! `[acme]`: the authority that certificates are ordered from.

use std::path::PathBuf;

use anyhow::{Result, bail};
use launcher_acme::{ANSWER_WITHIN, LETS_ENCRYPT, Settings};
use serde::Deserialize;

use super::notify::certificates;

/// An authority.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Acme {
    /// Where its directory is; Let's Encrypt's when nothing is said.
    directory: Option<String>,
    /// Whom it writes to.
    email: Option<String>,
    /// Whether its terms are agreed to.
    #[serde(default)]
    terms_agreed: bool,
    /// Whose certificates are believed beside those of this machine, for an authority of one's own.
    ca_file: Option<PathBuf>,
}

impl Acme {
    /// What is said of it, checked.
    pub(super) fn read(self) -> Result<Settings> {
        let directory = self.directory.unwrap_or_else(|| LETS_ENCRYPT.to_owned());
        if !directory.starts_with("https://") {
            bail!(
                "[acme] directory is {directory:?}; it begins with https://, such as {LETS_ENCRYPT}"
            );
        }
        if !self.terms_agreed {
            bail!(
                "[acme] needs terms_agreed = true: read the terms of the authority at {directory}, and say that you agree"
            );
        }
        if self
            .email
            .as_ref()
            .is_some_and(|email| !email.contains('@') || email.contains(char::is_whitespace))
        {
            bail!("[acme] email is no address; write for example email = \"ops@example.com\"");
        }
        let authority = certificates("[acme] ca_file", self.ca_file.as_deref())?;
        Ok(Settings { directory, email: self.email, authority, within: ANSWER_WITHIN })
    }
}
