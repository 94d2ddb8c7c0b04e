//! The account at the authority: made once, kept sealed.

use instant_acme::{Account, AccountCredentials, NewAccount};
use launcher_model::secret::SecretName;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;

use crate::client::Client;
use crate::{Error, Inner, Result, Settings};

/// The account, once there is one. Who needs it meanwhile waits: two would be two accounts.
#[derive(Default)]
pub(crate) struct Accounts(Mutex<Option<Account>>);

/// What it is sealed as.
const SEALED_AS: &str = "acme/account";

pub(crate) fn sealed_as(name: &str) -> Result<SecretName> {
    SecretName::new(name).map_err(|error| Error::Setting(error.to_string()))
}

impl Inner {
    /// The account, which is made when there is none.
    pub(crate) async fn account(&self, settings: &Settings) -> Result<Account> {
        let mut account = self.accounts.0.lock().await;
        if let Some(account) = &*account {
            return Ok(account.clone());
        }
        let found = match self.store.acme_account(&settings.directory).await? {
            Some(sealed) => self.restore(settings, &sealed).await?,
            None => self.register(settings).await?,
        };
        Ok(account.insert(found).clone())
    }

    async fn restore(&self, settings: &Settings, sealed: &[u8]) -> Result<Account> {
        let opened = self.vault.open_sealed(&sealed_as(SEALED_AS)?, sealed)?;
        let credentials: AccountCredentials = serde_json::from_str(opened.expose_secret())?;
        let client = Box::new(Client::new(settings)?);
        Ok(Account::builder_with_http(client).from_credentials(credentials).await?)
    }

    async fn register(&self, settings: &Settings) -> Result<Account> {
        let contact = settings.email.as_ref().map(|email| format!("mailto:{email}"));
        let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
        // The configuration is not taken without that.
        let wanted = NewAccount {
            contact: &contact,
            terms_of_service_agreed: true,
            only_return_existing: false,
        };
        let client = Box::new(Client::new(settings)?);
        let made = Account::builder_with_http(client);
        let (account, credentials) = made.create(&wanted, settings.directory.clone(), None).await?;
        let text = SecretString::from(serde_json::to_string(&credentials)?);
        let sealed = self.vault.seal(&sealed_as(SEALED_AS)?, &text)?;
        self.store.keep_acme_account(&settings.directory, &sealed, self.now()).await?;
        Ok(account)
    }
}
