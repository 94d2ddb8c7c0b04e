//! What the server says of itself: its version, above all.

use std::sync::{Arc, Mutex, PoisonError};

use super::Engine;
use super::client::Call;
use super::version::{OLDEST, Version};
use super::wire::info::Info;
use crate::{Error, Result};

/// What is known of the server.
#[derive(Debug, Default)]
pub(super) struct Server(Mutex<Option<Arc<About>>>);

/// What it says of itself.
#[derive(Debug)]
pub(super) struct About {
    pub(super) version: Version,
    /// The address of Mesos's own pages.
    pub(super) mesos_ui: Option<String>,
    /// Where Mesos's master is.
    pub(super) mesos_master: Option<String>,
}

impl Engine {
    /// The dialect that it understands.
    pub(super) async fn dialect(&self) -> Result<Version> {
        Ok(self.info().await?.version)
    }

    /// What the server has said of itself. It is asked again with each new stream of events: to become
    /// another version it has to be started anew.
    pub(super) async fn info(&self) -> Result<Arc<About>> {
        let known = self.server.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match known {
            Some(about) => Ok(about),
            None => self.ask_for_info().await,
        }
    }

    /// The same, asked anew.
    pub(super) async fn renew_info(&self) -> Result<Version> {
        Ok(self.ask_for_info().await?.version)
    }

    async fn ask_for_info(&self) -> Result<Arc<About>> {
        const DOING: &str = "asking Marathon about itself";
        let answer = self.client.send(&Call::get("/v2/info", DOING)).await?;
        if !answer.status.is_success() {
            let why = format!("there is no Marathon at this address: {}", answer.words());
            return Err(Error::Refused { doing: DOING, why });
        }
        let told: Info = answer.json(DOING)?;
        let refuse = |why| Err(Error::Refused { doing: DOING, why });
        let Some(version) = Version::read(&told.version) else {
            return refuse(format!("it says that its version is {:?}", told.version));
        };
        if version < OLDEST {
            return refuse(format!("it is Marathon {version}; {OLDEST} or a later one is needed"));
        }
        let settings = told.marathon_config;
        let about = Arc::new(About {
            version,
            mesos_ui: settings.mesos_leader_ui_url,
            mesos_master: settings.master,
        });
        *self.server.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&about));
        Ok(about)
    }
}
