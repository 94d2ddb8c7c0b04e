//! Certificates of an authority that is asked by ACME (RFC 8555).
//!
//! Level-triggered: each look compares what services are called with the certificates that the store has,
//! orders what is missing or has had two thirds of its time, and gives the edges what there is. The authority
//! asks for each name at `/.well-known/acme-challenge/…` (HTTP-01), and any edge answers.
//!
//! Certificates that edges read from files are renewed by others; that one has not been is told in time.
//!
//! What goes wrong is kept with its reason, told as an event, and tried again later. Nothing of it touches
//! what is served: a certificate stays until another one is there.

mod account;
mod challenges;
mod client;
mod error;
mod files;
mod keeper;
mod order;
mod settings;
mod wanted;

use std::sync::Arc;

use jiff::Timestamp;
use launcher_control::{Clock, Control};
use launcher_store::Store;
use launcher_store::vault::Vault;
use tokio::task::JoinSet;

pub use error::Error;
pub use settings::{ANSWER_WITHIN, LETS_ENCRYPT, Settings};

use account::Accounts;
use challenges::Challenges;

/// The result of what is done here.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// What is worked with.
pub struct Parts {
    /// What leads to the edges.
    pub control: Control,
    /// What is wanted, and the certificates.
    pub store: Arc<dyn Store>,
    /// What seals their keys.
    pub vault: Arc<Vault>,
    /// The time.
    pub clock: Clock,
}

struct Inner {
    control: Control,
    store: Arc<dyn Store>,
    vault: Arc<Vault>,
    clock: Clock,
    /// The authority; none when none is asked.
    settings: Option<Settings>,
    accounts: Accounts,
    challenges: Challenges,
}

impl Inner {
    fn now(&self) -> Timestamp {
        (self.clock)()
    }
}

/// Runs until it is dropped. What it was about is taken up at the next start.
#[must_use]
pub struct Acme {
    _running: JoinSet<()>,
}

impl Acme {
    /// Begins to give the edges the certificates that are kept, and to order others where an authority is
    /// configured.
    pub fn start(parts: Parts, settings: Option<Settings>) -> Self {
        let Parts { control, store, vault, clock } = parts;
        let (accounts, challenges) = (Accounts::default(), Challenges::default());
        let inner =
            Arc::new(Inner { control, store, vault, clock, settings, accounts, challenges });
        let mut running = JoinSet::new();
        running.spawn(files::run(inner.clone()));
        running.spawn(keeper::run(inner));
        Self { _running: running }
    }
}
