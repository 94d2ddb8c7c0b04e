//! The environment variables of a version's containers, secrets opened.

use std::sync::Arc;

use launcher_model::version::Version;
use secrecy::SecretString;

use crate::{Control, Error, Inner, Result};

/// All variables of a version: what its settings say, and the values that its secrets had when it was
/// launched.
pub(crate) async fn of(
    inner: &Inner,
    version: &Version,
) -> Result<Arc<Vec<(String, SecretString)>>> {
    let plain = version.spec.env.iter();
    let mut variables: Vec<_> =
        plain.map(|(name, value)| (name.clone(), SecretString::from(value.clone()))).collect();
    for (variable, secret) in &version.secrets {
        let sealed = inner.store.sealed_secret(secret).await?.ok_or_else(|| {
            let (name, number) = (&secret.name, secret.number);
            Error::Refused(format!("the value {number} of the secret {name} is not kept any more"))
        })?;
        variables.push((variable.clone(), inner.vault.open_sealed(&secret.name, &sealed)?));
    }
    Ok(Arc::new(variables))
}

impl Control {
    /// The environment variables of a version's containers, secrets opened.
    ///
    /// # Errors
    /// When a secret's value is not kept any more, or cannot be opened.
    pub async fn variables(&self, version: &Version) -> Result<Arc<Vec<(String, SecretString)>>> {
        of(&self.inner, version).await
    }
}
