//! All registries, each with its access.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use launcher_model::image::{Digest, ImageRef, ImageRepository};

use crate::client::{Client, Patience};
use crate::{About, Access, Error, Place, Registry, Result};

/// Says which registries may be spoken to without TLS, or with any certificate.
#[async_trait]
pub trait Trust: Send + Sync + 'static {
    /// Whether this one may be.
    async fn is_insecure(&self, place: &Place) -> bool;
}

/// Asks for the digest of one image, and remembers nothing.
///
/// # Errors
/// As [`Registry::digest`]'s.
pub async fn digest_of(image: &ImageRef, access: Access, insecure: bool) -> Result<Digest> {
    let (place, name) = named(image)?;
    Client::new(&place, access, insecure, Patience::default())?.digest(&place, name).await
}

/// All registries, each with its access. A clone is the same.
#[derive(Clone)]
pub struct Registries(Arc<Inner>);

struct Inner {
    accesses: HashMap<String, Access>,
    trust: Option<Arc<dyn Trust>>,
    patience: Patience,
    /// One for each registry that was asked, which keeps its connections and tokens.
    clients: Mutex<HashMap<(String, bool), Arc<Client>>>,
}

impl Registries {
    /// Those with these accesses, by `host[:port]`; any other is reached as nobody. Those on this machine
    /// may do without TLS, and those that `trust` names.
    #[must_use]
    pub fn new(accesses: HashMap<String, Access>, trust: Option<Arc<dyn Trust>>) -> Self {
        Self::with_patience(accesses, trust, Patience::default())
    }

    /// The same, with other deadlines.
    #[must_use]
    pub fn with_patience(
        accesses: HashMap<String, Access>,
        trust: Option<Arc<dyn Trust>>,
        patience: Patience,
    ) -> Self {
        Self(Arc::new(Inner { accesses, trust, patience, clients: Mutex::default() }))
    }

    async fn client(&self, place: &Place) -> Result<Arc<Client>> {
        let inner = &self.0;
        let access = inner.accesses.get(place.registry());
        let insecure = match (&inner.trust, access.and_then(|access| access.authority.as_ref())) {
            // Whoever says by which authority it is known wants that looked at.
            (_, Some(_)) => false,
            _ if place.is_loopback() => true,
            (Some(trust), None) => trust.is_insecure(place).await,
            (None, None) => false,
        };
        let key = (place.registry().to_owned(), insecure);
        let mut clients = inner.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&key) {
            return Ok(Arc::clone(client));
        }
        let access = access.cloned().unwrap_or_default();
        let client = Arc::new(Client::new(place, access, insecure, inner.patience)?);
        clients.insert(key, Arc::clone(&client));
        Ok(client)
    }
}

#[async_trait]
impl Registry for Registries {
    async fn digest(&self, image: &ImageRef) -> Result<Digest> {
        let (place, name) = named(image)?;
        self.client(&place).await?.digest(&place, name).await
    }

    async fn tags(&self, repository: &ImageRepository) -> Result<Vec<String>> {
        let place = Place::of(repository);
        self.client(&place).await?.tags(&place).await
    }

    async fn about(&self, repository: &ImageRepository, digest: &Digest) -> Result<About> {
        let place = Place::of(repository);
        self.client(&place).await?.about(&place, digest).await
    }

    async fn tag(&self, repository: &ImageRepository, digest: &Digest, tag: &str) -> Result<()> {
        let place = Place::of(repository);
        self.client(&place).await?.tag(&place, digest, tag).await
    }

    async fn delete(&self, repository: &ImageRepository, digest: &Digest) -> Result<bool> {
        let place = Place::of(repository);
        self.client(&place).await?.delete(&place, digest).await
    }
}

/// Where an image is, and its tag or digest.
fn named(image: &ImageRef) -> Result<(Place, &str)> {
    match image {
        ImageRef::Tag(repository, tag) => Ok((Place::of(repository), tag)),
        ImageRef::Digest(repository, digest) => Ok((Place::of(repository), digest.as_str())),
        ImageRef::Id(id) => {
            let why = "an image id is the engine's: no registry knows it".to_owned();
            Err(Error::Setting { what: "an image without a registry", why: format!("{id}: {why}") })
        }
    }
}
