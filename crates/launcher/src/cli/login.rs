//! The login that is kept for the commands that follow: a file of this user alone.

use std::io::ErrorKind;
use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::Failure;

/// A server and the token for it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Login {
    /// The server.
    pub(super) url: String,
    /// The token.
    pub(super) token: SecretString,
}

/// Where it is kept: `rocket-launcher/login.toml` in the user's configuration folder.
///
/// # Errors
/// When neither `XDG_CONFIG_HOME` nor `HOME` says where that folder is.
pub(super) fn file() -> Result<PathBuf, Failure> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = set("XDG_CONFIG_HOME").or_else(|| set("HOME").map(|home| home.join(".config")));
    folder.map(|folder| folder.join("rocket-launcher/login.toml")).ok_or_else(|| {
        let why = "neither XDG_CONFIG_HOME nor HOME is set; use LAUNCHER_URL and LAUNCHER_TOKEN";
        Failure::Senseless(format!("there is no folder for a login: {why}"))
    })
}

/// The login that is kept, if there is one.
pub(super) fn read() -> Result<Option<Login>, Failure> {
    let Ok(file) = file() else { return Ok(None) };
    match std::fs::read_to_string(&file) {
        Ok(text) => toml::from_str(&text)
            .map(Some)
            .map_err(|error| Failure::Login { why: error.message().to_owned(), file }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::Login { why: error.to_string(), file }),
    }
}

/// Keeps a login, whole or not at all.
pub(super) fn keep(login: &Login) -> Result<PathBuf, Failure> {
    #[derive(Serialize)]
    struct Written<'a> {
        url: &'a str,
        token: &'a str,
    }
    let file = file()?;
    let token = login.token.expose_secret();
    let text = toml::to_string(&Written { url: &login.url, token })
        .map_err(|error| Failure::Login { why: error.to_string(), file: file.clone() })?;
    let write = || {
        let folder = file.parent().unwrap_or(&file);
        std::fs::create_dir_all(folder)?;
        // A new file of this kind has mode 0600 from the beginning.
        let mut new = tempfile::NamedTempFile::new_in(folder)?;
        std::io::Write::write_all(&mut new, text.as_bytes())?;
        new.as_file().sync_all()?;
        new.persist(&file).map_err(|error| error.error)
    };
    write().map_err(Failure::io(format!("write {}", file.display())))?;
    Ok(file)
}

/// Forgets the login; says whether there was one.
pub(super) fn forget() -> Result<bool, Failure> {
    let file = file()?;
    match std::fs::remove_file(&file) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Failure::io(format!("remove {}", file.display()))(error)),
    }
}
