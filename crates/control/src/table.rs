//! A service's table for edges, from its route and what is observed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use launcher_edge::table::{
    Assets, Branches, Login, Maintenance, Passes, Pool, Rules, ServiceTable,
};
use launcher_model::container::Container;
use launcher_model::environment::{Environment, Wanted};
use launcher_model::plan::environment::Checked;
use launcher_model::route::Route;
use launcher_model::service::{Contact, ServiceSpec};
use launcher_model::{ServiceName, VersionNumber};
use launcher_store::vault::{PassFor, Vault};

use crate::slot::{Routing, Slot};
use crate::{Inner, Result};

/// Those containers that shall go on serving. The others leave the routes before they are told to stop,
/// so that they have nothing but what is in flight to end.
///
/// `ending` are those that may be told to stop at this moment, whatever is wanted now.
pub(crate) fn staying(
    environments: &[Environment],
    route: &Route,
    observed: &[Checked],
    ending: &BTreeSet<String>,
) -> Vec<Checked> {
    let mut staying = Vec::new();
    for environment in environments {
        let runs = match environment.wanted {
            Wanted::Running => true,
            // What is put to sleep runs until edges know that.
            Wanted::Stopped => environment.asleep,
            Wanted::Gone => false,
        };
        if !runs && !route.is_live(environment.version) {
            continue;
        }
        let leaving = leaving(environment, observed);
        let stays = |checked: &&Checked| {
            let Container { id, slot, .. } = &checked.container;
            *slot <= environment.replicas && !leaving.contains(id) && !ending.contains(id)
        };
        staying.extend(own(environment, observed).filter(stays).cloned());
    }
    staying
}

/// The ids of an environment's containers that leave: see [`launcher_model::plan::leaving`].
pub(crate) fn leaving(environment: &Environment, observed: &[Checked]) -> BTreeSet<String> {
    launcher_model::plan::leaving::leaving(environment.replicas, own(environment, observed))
}

/// How many of an environment's places have a container that may be sent requests.
pub(crate) fn served_places(environment: &Environment, observed: &[Checked]) -> usize {
    let own = own(environment, observed);
    launcher_model::plan::leaving::served_places(environment.replicas, own)
}

fn own<'c>(
    environment: &Environment,
    observed: &'c [Checked],
) -> impl Iterator<Item = &'c Checked> {
    let version = environment.version;
    observed.iter().filter(move |checked| checked.container.version == version)
}

/// What of a table is kept beside the service's settings: who gets in, and who does not, and the names of
/// branches.
#[derive(Debug, Default)]
pub(crate) struct Access {
    /// Production is closed.
    pub(crate) maintenance: Option<Maintenance>,
    /// Who may look at previews, if not everybody.
    pub(crate) preview_logins: Option<Vec<Login>>,
    /// The environments of branches.
    pub(crate) branches: Branches,
    /// The versions that were live lately, where they are asked for what others do not have.
    pub(crate) lately: Vec<VersionNumber>,
}

/// Makes the table. Its revision is 0: whoever publishes it numbers it.
///
/// Every version that has running containers gets a pool, with those that may be sent requests: an
/// environment can be looked at before it is ready, and one without a healthy container answers 503.
pub(crate) fn build(
    spec: &ServiceSpec,
    route: &Route,
    containers: &[Checked],
    contacts: &BTreeMap<VersionNumber, Contact>,
    mut access: Access,
    vault: &Vault,
) -> ServiceTable {
    let mut pools: BTreeMap<VersionNumber, Pool> = BTreeMap::new();
    let live = route.live().map(|version| (version, None));
    let running = containers.iter().filter(|checked| checked.container.is_running());
    let running = running.map(|checked| (checked.container.version, Some(checked)));
    for (version, checked) in live.chain(running) {
        let Some(contact) = contacts.get(&version) else { continue };
        let pool = pools.entry(version).or_insert_with(|| Pool {
            protocol: contact.protocol,
            health: contact.health.clone(),
            passes: passes(vault, &spec.service.name, version),
            ..Pool::default()
        });
        if let Some(checked) = checked.filter(|checked| checked.serves())
            && let Some(address) = checked.container.address
        {
            let id = &checked.container.id;
            pool.endpoints.insert(id.clone(), address);
            pool.published.extend(checked.container.published.map(|at| (id.clone(), at)));
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
        branches: std::mem::take(&mut access.branches),
        rules: rules(spec, access),
    }
}

fn rules(spec: &ServiceSpec, access: Access) -> Rules {
    Rules {
        paths: spec.paths.clone(),
        redirects: spec.redirects.clone(),
        headers: spec.headers.clone(),
        assets: spec
            .assets
            .as_deref()
            .map(|assets| Assets { prefixes: assets.prefixes.clone(), lately: access.lately }),
        compression: spec.compression.as_deref().cloned(),
        preview_logins: access.preview_logins,
        maintenance: access.maintenance,
        tls: spec.tls,
    }
}

fn passes(vault: &Vault, service: &ServiceName, version: VersionNumber) -> Passes {
    Passes {
        sticky: vault.pass(PassFor::Staying, service, version),
        trial: vault.pass(PassFor::Trying, service, version),
    }
}

impl Inner {
    /// Who gets in to a service with these settings.
    pub(crate) async fn access(&self, slot: &Slot, spec: &ServiceSpec) -> Result<Access> {
        Ok(Access {
            maintenance: self.maintenance(&slot.name).await?,
            preview_logins: self.logins(slot, spec).await?,
            branches: Branches::default(),
            lately: Vec::new(),
        })
    }

    /// How the containers of each version that has some, or is live, are spoken with.
    pub(crate) async fn contacts(
        &self,
        slot: &Slot,
        observed: &[Checked],
        route: &Route,
    ) -> Result<BTreeMap<VersionNumber, Contact>> {
        let running = observed.iter().map(|checked| checked.container.version);
        let numbers: BTreeSet<VersionNumber> = running.chain(route.live()).collect();
        let mut contacts = BTreeMap::new();
        for number in numbers {
            if let Some(version) = self.version(slot, number).await? {
                contacts.insert(number, version.spec.contact());
            }
        }
        Ok(contacts)
    }

    /// Hands edges a service's table, where it differs from the one that they have.
    pub(crate) fn publish(
        &self,
        routing: &mut Routing,
        spec: &ServiceSpec,
        route: &Route,
        observed: &[Checked],
        contacts: &BTreeMap<VersionNumber, Contact>,
        access: Access,
    ) {
        let mut table = build(spec, route, observed, contacts, access, &self.vault);
        if let Some(published) = &routing.published {
            table.revision = published.revision;
            if table == *published {
                return;
            }
        }
        table.revision = self.next_revision();
        self.hub.publish(&table);
        routing.published = Some(table);
    }

    /// What users of a service see instead of it, as it is kept now.
    pub(crate) async fn maintenance(&self, service: &ServiceName) -> Result<Option<Maintenance>> {
        Ok(crate::maintenance::for_edges(self.store.maintenance(service).await?))
    }

    pub(crate) fn next_revision(&self) -> u64 {
        self.revision.fetch_add(1, Ordering::Relaxed) + 1
    }
}
