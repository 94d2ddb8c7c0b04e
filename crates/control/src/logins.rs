//! Who may look at a service's previews: what the newest value of a secret says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use launcher_edge::table::{LONGEST_PASSWORD, Login};
use launcher_model::ServiceName;
use launcher_model::secret::{SecretName, SecretVersion};
use launcher_model::service::ServiceSpec;
use launcher_store::vault::Vault;
use secrecy::{ExposeSecret, SecretString};

use crate::slot::Slot;
use crate::{Control, Inner, Result};

/// As many as may look at previews: each hash takes some time whenever the secret is set.
const MOST_LOGINS: usize = 100;

/// Who may look at a service's previews.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewLogins {
    /// The secret that says so.
    pub secret: String,
    /// How many they are. None while it is not known, at the start of the server.
    pub users: Option<usize>,
    /// Why nobody may, and what to do.
    pub trouble: Option<String>,
}

/// What a value of a secret says.
#[derive(Debug)]
pub(crate) struct Read {
    /// Which value, if the secret is set.
    version: Option<SecretVersion>,
    /// Those who may.
    logins: std::result::Result<Vec<Login>, String>,
}

impl Control {
    /// Who may look at a service's previews; none where everybody may.
    #[must_use]
    pub fn preview_logins(&self, spec: &ServiceSpec) -> Option<PreviewLogins> {
        let secret = spec.previews.login.clone()?;
        let slot = self.inner.slot(&spec.service.name);
        let read = slot.and_then(|slot| slot.logins().clone());
        let (users, trouble) = match read.as_deref().map(|read| &read.logins) {
            None => (None, None),
            Some(Ok(logins)) => (Some(logins.len()), None),
            Some(Err(why)) => (Some(0), Some(why.clone())),
        };
        Some(PreviewLogins { secret, users, trouble })
    }

    /// The services whose previews a secret opens, by the secret's name.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn opened(&self) -> Result<BTreeMap<String, Vec<ServiceName>>> {
        let mut opened: BTreeMap<String, Vec<ServiceName>> = BTreeMap::new();
        for service in self.inner.store.services().await? {
            if let Some(secret) = service.spec.previews.login {
                opened.entry(secret).or_default().push(service.spec.service.name);
            }
        }
        Ok(opened)
    }

    /// Those that this secret opens.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn opened_by(&self, secret: &SecretName) -> Result<Vec<ServiceName>> {
        Ok(self.opened().await?.remove(secret.as_str()).unwrap_or_default())
    }

    /// Has edges be told who may look at the previews of these services.
    pub fn logins_changed(&self, services: &[ServiceName]) {
        for slot in services.iter().filter_map(|service| self.inner.slot(service)) {
            slot.wake();
        }
    }

    /// The secrets that a service's settings name and that are not set, with what to do.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn unset_secrets(&self, spec: &ServiceSpec) -> Result<Vec<String>> {
        let variables = spec.secrets.iter().map(|(variable, name)| (variable.as_str(), name));
        let login = spec.previews.login.iter().map(|name| ("the login of previews", name));
        let named = variables
            .chain(login)
            .filter_map(|(what_for, name)| Some((what_for, SecretName::new(name.as_str()).ok()?)));
        let named: Vec<_> = named.collect();
        let names: Vec<_> = named.iter().map(|(_, name)| name.clone()).collect();
        let set = self.inner.store.newest_secrets(&names).await?;
        let unset = named.iter().filter(|(_, name)| !set.contains_key(name));
        Ok(unset.map(|(what_for, name)| is_unset(name, what_for)).collect())
    }
}

impl Inner {
    /// Who may look at a service's previews, for its table.
    pub(crate) async fn logins(
        &self,
        slot: &Slot,
        spec: &ServiceSpec,
    ) -> Result<Option<Vec<Login>>> {
        let Some(secret) = &spec.previews.login else {
            slot.logins().take();
            return Ok(None);
        };
        let read = self.read_logins(slot, secret).await?;
        Ok(Some(read.logins.clone().unwrap_or_default()))
    }

    /// What the newest value of the secret says. One that has been read is not read anew: its hashes take
    /// some time.
    async fn read_logins(&self, slot: &Slot, secret: &str) -> Result<Arc<Read>> {
        let name =
            SecretName::new(secret).map_err(|error| crate::Error::Invalid(error.to_string()))?;
        let newest = self.store.newest_secrets(std::slice::from_ref(&name)).await?.remove(&name);
        let known = slot.logins().clone();
        if let Some(known) = known.filter(|known| known.version == newest && newest.is_some()) {
            return Ok(known);
        }
        let logins = match &newest {
            None => Err(is_unset(&name, "the login of previews")),
            Some(version) => self.hash_logins(version).await?,
        };
        let read = Arc::new(Read { version: newest, logins });
        let before = slot.logins().replace(read.clone());
        let why = |read: &Arc<Read>| read.logins.as_ref().err().cloned();
        if let Some(trouble) =
            why(&read).filter(|new| before.as_ref().and_then(why).as_ref() != Some(new))
        {
            tracing::warn!(service = %slot.name, "nobody may look at previews: {trouble}");
        }
        Ok(read)
    }

    async fn hash_logins(
        &self,
        version: &SecretVersion,
    ) -> Result<std::result::Result<Vec<Login>, String>> {
        let Some(sealed) = self.store.sealed_secret(version).await? else {
            return Ok(Err(is_unset(&version.name, "the login of previews")));
        };
        let (vault, version) = (self.vault.clone(), version.clone());
        let hashing = tokio::task::spawn_blocking(move || {
            let value =
                vault.open_sealed(&version.name, &sealed).map_err(|error| error.to_string())?;
            hashes(&vault, &version, &value)
        });
        Ok(hashing.await.unwrap_or_else(|_| Err("its value could not be read".into())))
    }
}

fn is_unset(name: &SecretName, what_for: &str) -> String {
    format!(
        "the secret {name} (for {what_for}) is not set; set it with `launcher secret set {name}`"
    )
}

/// The login of each line. A list of which a part makes no sense opens nothing: whoever wrote it meant
/// something else.
fn hashes(
    vault: &Vault,
    version: &SecretVersion,
    value: &SecretString,
) -> std::result::Result<Vec<Login>, String> {
    let name = &version.name;
    let lines = value.expose_secret().lines().enumerate();
    let lines: Vec<_> = lines.filter(|(_, line)| !line.trim().is_empty()).collect();
    let again = format!("set it anew with `launcher secret set {name}`");
    if lines.is_empty() || lines.len() > MOST_LOGINS {
        return Err(format!(
            "the secret {name} has {} lines, and should have 1 to {MOST_LOGINS}; {again}",
            lines.len()
        ));
    }
    let mut users = BTreeSet::new();
    let mut logins = Vec::with_capacity(lines.len());
    for (n, line) in lines {
        let login =
            read_line(vault, version, line).filter(|login| users.insert(login.user.clone()));
        logins.push(login.ok_or_else(|| {
            format!(
                "line {} of the secret {name} is not `user:password` with a user of its own and a \
                 password of at most {LONGEST_PASSWORD} bytes; {again}",
                n + 1
            )
        })?);
    }
    Ok(logins)
}

fn read_line(vault: &Vault, version: &SecretVersion, line: &str) -> Option<Login> {
    let (user, password) = line.split_once(':')?;
    let plain = |text: &str| !text.is_empty() && !text.contains(char::is_control);
    let fits = plain(user) && user.trim() == user && plain(password);
    let salt = vault.login_salt(version, user);
    fits.then(|| Login::new(user, &password.into(), salt)).flatten()
}
