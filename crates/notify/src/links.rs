//! Where people can see more.

use std::fmt;
use std::sync::Arc;

use launcher_model::event::{Event, EventKind};
use launcher_model::{DeploymentId, ServiceName, VersionNumber};

/// Gives the address at which an environment can be looked at.
pub type PreviewUrl = Arc<dyn Fn(&ServiceName, VersionNumber) -> String + Send + Sync>;

/// Makes addresses of pages.
#[derive(Clone)]
pub struct Links {
    base: String,
    preview: PreviewUrl,
}

impl fmt::Debug for Links {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Links").field("base", &self.base).finish_non_exhaustive()
    }
}

impl Links {
    /// Links to the pages at this address, and to previews.
    #[must_use]
    pub fn new(base: &str, preview: PreviewUrl) -> Self {
        Self { base: base.trim_end_matches('/').to_owned(), preview }
    }

    /// The page of all services.
    #[must_use]
    pub fn home(&self) -> String {
        format!("{}/", self.base)
    }

    /// A service's page.
    #[must_use]
    pub fn service(&self, service: &ServiceName) -> String {
        format!("{}/services/{service}", self.base)
    }

    /// A deployment, on its service's page.
    #[must_use]
    pub fn deployment(&self, service: &ServiceName, deployment: DeploymentId) -> String {
        format!("{}/services/{service}#d-{deployment}", self.base)
    }

    /// Where one version can be looked at.
    #[must_use]
    pub fn preview(&self, service: &ServiceName, version: VersionNumber) -> String {
        (self.preview)(service, version)
    }

    /// Where more is seen of an event.
    #[must_use]
    pub fn of(&self, event: &Event) -> String {
        match (&event.service, event.deployment, event.version) {
            (None, ..) => self.home(),
            (Some(_), ..) if event.kind == EventKind::ServiceDeleted => self.home(),
            (Some(service), Some(deployment), _) => self.deployment(service, deployment),
            (Some(service), None, Some(version)) if event.kind == EventKind::EnvironmentReady => {
                self.preview(service, version)
            }
            (Some(service), ..) => self.service(service),
        }
    }
}
