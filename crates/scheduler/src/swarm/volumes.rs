//! Which host has a service's volumes: the Swarm keeps none itself, and would place a container where they
//! are empty.

use std::collections::BTreeSet;

use bollard::models::Node;
use launcher_model::service::ServiceSpec;

use super::read;
use crate::volumes::ON_ONE_HOST;
use crate::{Error, KeepsVolumes, Result};

/// The one host that `[placement]` leaves, for a service with volumes; none for one without.
pub(super) fn home(spec: &ServiceSpec, nodes: &[Node]) -> Result<Option<String>> {
    if spec.volumes.is_empty() {
        return Ok(None);
    }
    if let Some(why) = KeepsVolumes::OnOneHost.refusal(spec) {
        return Err(Error::Unplaceable(why.to_owned()));
    }
    let admitted = nodes.iter().filter(|node| {
        let labels = node.spec.as_ref().and_then(|spec| spec.labels.clone()).unwrap_or_default();
        spec.placement.admits(read::host_name(node), &labels.into_iter().collect())
    });
    // One that has left the Swarm and come again is told twice.
    let names: BTreeSet<&str> = admitted.map(read::host_name).collect();
    match names.iter().collect::<Vec<_>>().as_slice() {
        [only] => Ok(Some((**only).to_owned())),
        [] => Err(Error::Unplaceable(
            "no host of the Swarm is what [placement] asks for, so that none can keep its volumes: \
             `launcher hosts` lists those there are"
                .to_owned(),
        )),
        several => Err(Error::Unplaceable(format!(
            "{ON_ONE_HOST}. {} hosts are what it asks for now",
            several.len()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use bollard::models::{NodeDescription, NodeSpec};

    use super::*;

    fn node(name: &str, disk: &str) -> Node {
        let labels = [("disk".to_owned(), disk.to_owned())].into();
        Node {
            spec: Some(NodeSpec { labels: Some(labels), ..NodeSpec::default() }),
            description: Some(NodeDescription {
                hostname: Some(name.to_owned()),
                ..NodeDescription::default()
            }),
            ..Node::default()
        }
    }

    fn asked(placement: &str) -> Result<Option<String>> {
        let text = format!(
            "[service]\nname = \"shop\"\nport = 8080\n[volumes]\ndata = \"/data\"\n[placement]\n{placement}"
        );
        let spec = launcher_model::service::read("launcher.toml", &text).unwrap();
        home(&spec, &[node("a1", "ssd"), node("a2", "hdd"), node("a3", "hdd"), node("a1", "ssd")])
    }

    #[test]
    fn one_host_is_left_or_it_is_said_why_not() {
        for one in ["hosts = { name = \"a1\" }", "hosts = { disk = \"ssd\" }"] {
            assert_eq!(asked(one).unwrap().as_deref(), Some("a1"), "{one}");
        }
        for (other, says) in [
            ("", "as in hosts = { name"),
            ("hosts = { disk = \"hdd\" }", "2 hosts"),
            ("hosts = { disk = \"tape\" }", "no host of the Swarm"),
        ] {
            let error = asked(other).unwrap_err().to_string();
            assert!(error.contains(says), "{other}: {error}");
        }
    }
}
