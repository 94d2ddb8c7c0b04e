//! The versions that a switch is being prepared for. Another edge may have flipped already, and its users'
//! pages ask this one for files that no live version has yet.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use launcher_model::ServiceName;

use crate::compiled::Pool;

/// By service; nearly always none.
#[derive(Debug, Default)]
pub(crate) struct Coming(Mutex<HashMap<ServiceName, Arc<[Arc<Pool>]>>>);

impl Coming {
    /// These of a service are about to be live.
    pub(crate) fn expect(&self, service: &ServiceName, pools: Arc<[Arc<Pool>]>) {
        self.all().insert(service.clone(), pools);
    }

    /// They are, or will not be.
    pub(crate) fn forget(&self, service: &ServiceName) {
        self.all().remove(service);
    }

    /// Those of a service.
    pub(super) fn of(&self, service: &ServiceName) -> Arc<[Arc<Pool>]> {
        self.all().get(service).cloned().unwrap_or_default()
    }

    fn all(&self) -> MutexGuard<'_, HashMap<ServiceName, Arc<[Arc<Pool>]>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
