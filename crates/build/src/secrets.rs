//! Values of secrets that settings name for what this server does itself.

use launcher_model::secret::SecretName;
use secrecy::SecretString;

use crate::builds::Inner;
use crate::{Error, Result};

impl Inner {
    /// The newest value of a secret; none when it is not set.
    pub(crate) async fn secret(&self, name: &str) -> Result<Option<SecretString>> {
        let name = SecretName::new(name).map_err(|error| Error::Source(error.to_string()))?;
        let newest = self.store.newest_secrets(std::slice::from_ref(&name)).await?;
        let Some(version) = newest.get(&name) else { return Ok(None) };
        match self.store.sealed_secret(version).await? {
            Some(sealed) => Ok(Some(self.vault.open_sealed(&name, &sealed)?)),
            None => Ok(None),
        }
    }

    /// The newest value of a secret that is needed.
    pub(crate) async fn needed_secret(&self, name: &str) -> Result<SecretString> {
        self.secret(name).await?.ok_or_else(|| {
            Error::Refused(format!(
                "the secret {name} is not set; set it with `launcher secret set {name}`"
            ))
        })
    }
}
