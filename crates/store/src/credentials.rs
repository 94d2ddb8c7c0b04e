//! Secrets and tokens, as a part of the store.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use launcher_model::secret::{SecretName, SecretVersion};

#[cfg(doc)]
use crate::{Error, vault};
use crate::{NewToken, Result, SecretRecord, Token};

/// Keeps secrets as they are sealed, and tokens by their hashes, by the rules of
/// [`Store`](crate::Store).
#[async_trait]
pub trait CredentialStore: Send + Sync + 'static {
    // Secrets ---------------------------------------------------------------------------------------------

    /// Gives a secret a new value, sealed by the [`vault`]. The number is one higher than the last.
    async fn set_secret(
        &self,
        name: &SecretName,
        sealed: &[u8],
        by: &str,
        at: Timestamp,
    ) -> Result<SecretVersion>;
    /// The sealed value of one version of a secret; also of one that was since unset.
    async fn sealed_secret(&self, version: &SecretVersion) -> Result<Option<Vec<u8>>>;
    /// The newest version of each of these secrets; what is not set is missing in the answer.
    async fn newest_secrets(
        &self,
        names: &[SecretName],
    ) -> Result<BTreeMap<SecretName, SecretVersion>>;
    /// Whether any sealed value is kept, also of a secret that was unset: whether the [`vault`]'s key is
    /// needed.
    async fn holds_secrets(&self) -> Result<bool>;
    /// All secrets that are set.
    async fn secrets(&self) -> Result<Vec<SecretRecord>>;
    /// Makes a secret unusable for new versions; values that kept versions use stay. False when there
    /// was none.
    async fn unset_secret(&self, name: &SecretName, by: &str, at: Timestamp) -> Result<bool>;

    // Tokens ------------------------------------------------------------------------------------------------

    /// Keeps a token's hash.
    ///
    /// # Errors
    /// [`Error::Exists`] when one of that name is valid, or a person has it.
    async fn create_token(&self, new: NewToken, by: &str, at: Timestamp) -> Result<Token>;
    /// The valid token with this hash.
    async fn token_by_hash(&self, hash: &[u8; 32]) -> Result<Option<Token>>;
    /// All tokens, those revoked too.
    async fn tokens(&self) -> Result<Vec<Token>>;
    /// Makes a token invalid, and ends its sessions. False when no valid one has that name.
    async fn revoke_token(&self, name: &str, by: &str, at: Timestamp) -> Result<bool>;
}
