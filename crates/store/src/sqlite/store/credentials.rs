//! Secrets and tokens: where transactions begin and end.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use launcher_model::secret::{SecretName, SecretVersion};

use crate::sqlite::row::kept;
use crate::sqlite::{SqliteStore, secrets, tokens};
use crate::{CredentialStore, NewToken, Result, SecretRecord, Token};

#[async_trait]
impl CredentialStore for SqliteStore {
    async fn set_secret(
        &self,
        name: &SecretName,
        sealed: &[u8],
        by: &str,
        at: Timestamp,
    ) -> Result<SecretVersion> {
        let mut write = self.begin("keeping a secret").await?;
        let outcome = secrets::set(&mut write, name, sealed, by, kept(at)).await;
        write.end(outcome).await
    }

    async fn sealed_secret(&self, version: &SecretVersion) -> Result<Option<Vec<u8>>> {
        self.read("reading a secret", secrets::sealed(&self.readers, version).await)
    }

    async fn newest_secrets(
        &self,
        names: &[SecretName],
    ) -> Result<BTreeMap<SecretName, SecretVersion>> {
        self.read("reading the numbers of secrets", secrets::newest(&self.readers, names).await)
    }

    async fn holds_secrets(&self) -> Result<bool> {
        self.read("looking for secrets", secrets::any(&self.readers).await)
    }

    async fn secrets(&self) -> Result<Vec<SecretRecord>> {
        self.read("listing secrets", secrets::list(&self.readers).await)
    }

    async fn unset_secret(&self, name: &SecretName, by: &str, at: Timestamp) -> Result<bool> {
        let mut write = self.begin("unsetting a secret").await?;
        let outcome = secrets::unset(&mut write, name, by, kept(at)).await;
        write.end(outcome).await
    }

    async fn create_token(&self, new: NewToken, by: &str, at: Timestamp) -> Result<Token> {
        let mut write = self.begin("keeping a token").await?;
        let outcome = tokens::create(&mut write, new, by, kept(at)).await;
        write.end(outcome).await
    }

    async fn token_by_hash(&self, hash: &[u8; 32]) -> Result<Option<Token>> {
        self.read("looking a token up", tokens::by_hash(&self.readers, hash).await)
    }

    async fn tokens(&self) -> Result<Vec<Token>> {
        self.read("listing tokens", tokens::list(&self.readers).await)
    }

    async fn revoke_token(&self, name: &str, by: &str, at: Timestamp) -> Result<bool> {
        let mut write = self.begin("revoking a token").await?;
        let outcome = tokens::revoke(&mut write, name, by, kept(at)).await;
        write.end(outcome).await
    }
}
