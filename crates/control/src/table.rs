//! A service's table for edges, from its route and what is observed.

use std::collections::BTreeMap;

use launcher_edge::table::{Pool, ServiceTable};
use launcher_model::VersionNumber;
use launcher_model::environment::{Environment, Wanted};
use launcher_model::plan::environment::Checked;
use launcher_model::route::Route;
use launcher_model::service::{Health, ServiceSpec};

/// Those containers that shall go on serving. The others leave the routes before they are told to stop,
/// so that they have nothing but what is in flight to end.
pub(crate) fn staying(
    environments: &[Environment],
    route: &Route,
    observed: &[Checked],
) -> Vec<Checked> {
    let stays = |checked: &&Checked| {
        let container = &checked.container;
        let environment = environments.iter().find(|one| one.version == container.version);
        environment.is_some_and(|environment| {
            let wanted = environment.wanted == Wanted::Running || route.is_live(container.version);
            wanted && container.slot <= environment.replicas
        })
    };
    observed.iter().filter(stays).cloned().collect()
}

/// Makes the table. Its revision is 0: whoever publishes it numbers it.
///
/// Every version that has running containers gets a pool, with those that may be sent requests: an
/// environment can be looked at before it is ready, and one without a healthy container answers 503.
pub(crate) fn build(
    spec: &ServiceSpec,
    route: &Route,
    containers: &[Checked],
    health: &BTreeMap<VersionNumber, Health>,
) -> ServiceTable {
    let mut pools: BTreeMap<VersionNumber, Pool> = BTreeMap::new();
    let live = route.live().map(|version| (version, None));
    let running = containers.iter().filter(|checked| checked.container.is_running());
    let running = running.map(|checked| (checked.container.version, Some(checked)));
    for (version, checked) in live.chain(running) {
        let Some(health) = health.get(&version) else { continue };
        let pool = pools
            .entry(version)
            .or_insert_with(|| Pool { health: health.clone(), endpoints: BTreeMap::new() });
        if let Some(checked) = checked.filter(|checked| checked.serves())
            && let Some(address) = checked.container.address
        {
            pool.endpoints.insert(checked.container.id.clone(), address);
        }
    }
    ServiceTable {
        name: spec.service.name.clone(),
        hosts: spec.service.hosts.clone(),
        revision: 0,
        generation: route.generation,
        weights: route.weights.clone(),
        pools,
        traffic: spec.traffic.clone(),
    }
}
