//! Paths of services lead to services that are there.

use launcher_model::ServiceName;
use launcher_model::service::ServiceSpec;

use crate::{Error, Inner, Result};

impl Inner {
    /// Refuses paths to services that are not there, or are about to be gone. To be called with the lock
    /// on settings, when they are to be written.
    pub(crate) async fn paths_must_lead_somewhere(&self, spec: &ServiceSpec) -> Result<()> {
        for (path, target) in &spec.paths {
            let (service, name) = (&target.service, &spec.service.name);
            let Some(known) = self.store.service(service).await? else {
                return Err(Error::Refused(format!(
                    "{path} of {name} is to be answered by the service {service}, which does not exist; \
                     apply that one first (`launcher apply` with its launcher.toml)"
                )));
            };
            if known.deletion.is_some() {
                return Err(Error::Refused(format!(
                    "{path} of {name} is to be answered by the service {service}, which is being deleted"
                )));
            }
        }
        Ok(())
    }

    /// Refuses to let a service go while others' requests are led to it. To be called with the lock on
    /// settings.
    pub(crate) async fn no_path_may_lead_to(&self, service: &ServiceName) -> Result<()> {
        let services = self.store.services().await?;
        let paths = services.iter().flat_map(|other| {
            let leading = other.spec.paths.iter().filter(|(_, target)| target.service == *service);
            leading.map(|(path, _)| format!("{path} of {}", other.spec.service.name))
        });
        let paths: Vec<String> = paths.collect();
        if paths.is_empty() {
            return Ok(());
        }
        Err(Error::Refused(format!(
            "{service} answers {}; take that out of [paths] there and `launcher apply` it first",
            paths.join(", ")
        )))
    }
}
