//! What must be so before containers of a version are created: the one host will do, and the volumes are there.

use bollard::models::{Volume, VolumeCreateRequest};
use launcher_model::service::{HOST_NAME, Placing};
use launcher_model::version::Version;

use super::Engine;
use super::connection::Call;
use crate::{Error, Result};

impl Engine {
    /// Sees to it that a version's containers can be created.
    pub(super) async fn make_ready(&self, call: &Call, version: &Version) -> Result<()> {
        self.must_admit(&version.spec.placement).await?;
        for volume in version.spec.volumes.keys() {
            self.make_volume(&call.to("creating a volume"), version, volume).await?;
        }
        Ok(())
    }

    /// Refuses what `[placement]` asks for and the only host is not.
    async fn must_admit(&self, placing: &Placing) -> Result<()> {
        if placing.hosts.is_empty() {
            return Ok(());
        }
        let host = self.host().await?;
        if placing.admits(&host.name, &host.labels) {
            return Ok(());
        }
        let wishes = placing.hosts.iter().map(|(label, value)| format!("{label} = \"{value}\""));
        let wishes = wishes.collect::<Vec<_>>().join(", ");
        let name = host.name;
        let by_label = placing.hosts.keys().any(|label| label != HOST_NAME);
        let or_else = if by_label {
            ", or start that host's Docker daemon with the label (`labels` in /etc/docker/daemon.json)"
        } else {
            ""
        };
        Err(Error::Unplaceable(format!(
            "[placement] asks for hosts with {wishes}, and the only one, {name}, is not such a host: change \
             [placement]{or_else}"
        )))
    }

    /// Makes a volume, unless it is there.
    async fn make_volume(&self, call: &Call, version: &Version, volume: &str) -> Result<()> {
        let name = self.installation.volume(&version.service, volume);
        let labels = self.installation.volume_labels(&version.service, volume);
        let wanted = VolumeCreateRequest {
            name: Some(name.clone()),
            labels: Some(labels.clone()),
            ..VolumeCreateRequest::default()
        };
        // The engine answers with the one that is there, whosever it is.
        let there: Volume =
            call.api.create_volume(wanted).await.map_err(|error| call.fail(error))?;
        launcher_fault::point("docker.volume_created");
        if labels.iter().all(|(label, value)| there.labels.get(label) == Some(value)) {
            return Ok(());
        }
        Err(Error::Unplaceable(format!(
            "the volume {name} is there and not ours: remove it, or copy it to one of another name first"
        )))
    }
}
