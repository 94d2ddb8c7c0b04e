//! Failures that last are told once, until they are over.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use launcher_model::ServiceName;
use launcher_model::event::{EventKind, NewEvent};

use crate::Inner;

/// What was told and is not over yet.
#[derive(Default)]
pub(crate) struct Troubles(Mutex<HashSet<String>>);

impl Inner {
    /// Tells, unless that was told already.
    pub(crate) async fn is_troubled(&self, by: &str, service: Option<&ServiceName>, text: String) {
        tracing::warn!(%by, %text, "images");
        let new = self.troubles.0.lock().unwrap_or_else(PoisonError::into_inner).insert(by.into());
        if !new {
            return;
        }
        let mut event = NewEvent::new(EventKind::RegistryTroubled, format!("{text}; tried again"));
        event.service = service.cloned();
        if let Err(error) = self.store.record(&[event], self.now()).await {
            tracing::error!(%error, "an event could not be recorded");
            self.is_well(by);
        }
    }

    /// It is over.
    pub(crate) fn is_well(&self, by: &str) {
        self.troubles.0.lock().unwrap_or_else(PoisonError::into_inner).remove(by);
    }
}
