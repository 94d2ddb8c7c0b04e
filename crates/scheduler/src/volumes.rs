//! What outlives a service's containers: its volumes, which all of its versions share. They are Docker's, on
//! the host on which a container is, whichever engine has placed it there. No verb removes one.

use std::collections::HashMap;

use bollard::models::{Mount, MountType, MountVolumeOptions};
use launcher_model::ServiceName;
use launcher_model::version::Version;

use crate::identity::Installation;
use crate::labels;

/// Why each host's volumes are not enough.
pub(crate) const ON_ONE_HOST: &str = "its volumes would be on whichever host a container happens to be \
    placed, and empty on the next one: name the host in [placement] hosts, as in hosts = { name = \"a1\" }";

impl Installation {
    /// A volume's name. Names of services and volumes have no `_`, so that no two get the same.
    pub(crate) fn volume(&self, service: &ServiceName, volume: &str) -> String {
        format!("launcher-{}-{service}_{volume}", self.short())
    }

    /// The labels of a volume.
    pub(crate) fn volume_labels(
        &self,
        service: &ServiceName,
        volume: &str,
    ) -> HashMap<String, String> {
        [
            (labels::INSTALLATION, self.as_str().to_owned()),
            (labels::SERVICE, service.to_string()),
            (labels::VOLUME, volume.to_owned()),
        ]
        .map(|(label, value)| (label.to_owned(), value))
        .into()
    }

    /// What a version's containers find where; none when it has no volumes. An engine that has not got a
    /// volume yet makes it, with these labels.
    pub(crate) fn mounts(&self, version: &Version) -> Option<Vec<Mount>> {
        let mount = |(volume, path): (&String, &String)| Mount {
            typ: Some(MountType::VOLUME),
            source: Some(self.volume(&version.service, volume)),
            target: Some(path.clone()),
            volume_options: Some(MountVolumeOptions {
                labels: Some(self.volume_labels(&version.service, volume)),
                ..MountVolumeOptions::default()
            }),
            ..Mount::default()
        };
        let volumes = &version.spec.volumes;
        (!volumes.is_empty()).then(|| volumes.iter().map(mount).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_volumes_have_the_same_name() {
        let ours = Installation::new("0123456789abcdef").unwrap();
        let name = |service, volume| ours.volume(&ServiceName::new(service).unwrap(), volume);
        assert_eq!(name("shop", "uploads"), "launcher-01234567-shop_uploads");
        assert_ne!(name("shop-web", "data"), name("shop", "web-data"));
    }

    #[test]
    fn labels_say_whose_it_is() {
        let ours = Installation::new("i").unwrap();
        let labels = ours.volume_labels(&ServiceName::new("shop").unwrap(), "uploads");
        assert_eq!(labels[labels::INSTALLATION], "i");
        assert_eq!((&*labels[labels::SERVICE], &*labels[labels::VOLUME]), ("shop", "uploads"));
    }
}
