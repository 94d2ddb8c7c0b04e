//! The route table in the form that requests are looked up in.
//!
//! A [`Table`] never changes; a switch builds another one, in which all that has not changed is shared
//! with the one before, and puts it in its place. A lookup allocates nothing and locks nothing. What
//! must outlive a table, such as counters and pooled connections, hangs on the [`PoolId`], which a
//! version keeps from table to table.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use foldhash::fast::RandomState;
use http::{HeaderMap, HeaderValue};
use launcher_model::service::{Health, Protocol, Traffic};
use launcher_model::{ServiceName, VersionNumber};
use rand::{Rng, RngExt};

use crate::hold::Hold;
use crate::stats::VersionStats;
use crate::table::{self, Rest, ServiceTable};

mod asked;
mod assets;
mod branches;
mod closed;
mod compression;
mod elsewhere;
mod fields;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzz;
mod host;
mod logins;
mod secured;
mod standing;

use asked::{Sticky, Trials};
pub(crate) use assets::Assets;
pub(crate) use branches::Branches;
use closed::Closed;
pub(crate) use compression::Compression;
pub(crate) use elsewhere::{Elsewhere, Led};
pub(crate) use fields::{Changes, Fields};
pub(crate) use host::HostBuffer;
use logins::Logins;
pub(crate) use logins::{Asked, Attempt};
pub(crate) use secured::Secured;
pub(crate) use standing::{Failure, Standing, clock};

/// What a pool is known by, as long as the edge knows its version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PoolId(u64);

static LAST_ID: AtomicU64 = AtomicU64::new(0);

fn fresh() -> u64 {
    LAST_ID.fetch_add(1, Relaxed) + 1
}

/// The containers of one version.
#[derive(Debug)]
pub(crate) struct Pool {
    pub(crate) id: PoolId,
    /// Differs whenever the endpoints do.
    pub(crate) stamp: u64,
    pub(crate) service: ServiceName,
    pub(crate) version: VersionNumber,
    pub(crate) health: Health,
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) choice: Choice,
    pub(crate) stats: Arc<VersionStats>,
}

/// How one of the containers is chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Choice {
    /// After so many failures in a row it is left out for a while; 0 is never.
    pub(crate) eject_after: u16,
    /// For how many milliseconds the share of one that joins others grows.
    pub(crate) slow_start_ms: u64,
}

impl Choice {
    fn of(traffic: &Traffic) -> Self {
        let slow_start = traffic.slow_start.map(|span| span.duration().as_millis());
        Self {
            eject_after: traffic.eject_after,
            slow_start_ms: u64::try_from(slow_start.unwrap_or(0)).unwrap_or(u64::MAX),
        }
    }
}

/// One container, as it is reached from here.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    pub(crate) container: Arc<str>,
    pub(crate) address: SocketAddr,
    pub(crate) protocol: Protocol,
    /// Kept from table to table. A container that went and comes again has another one.
    pub(crate) standing: Arc<Standing>,
}

impl PartialEq for Endpoint {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.standing, &other.standing)
    }
}

impl Endpoint {
    fn compile(
        (container, address): (&str, SocketAddr),
        protocol: Protocol,
        before: &[&Arc<Pool>],
        now: u64,
    ) -> Self {
        let known = before.iter().filter_map(|pool| pool.endpoint(container));
        let mut same = known.filter(|known| known.address == address && known.protocol == protocol);
        same.next().cloned().unwrap_or_else(|| Self {
            container: container.into(),
            address,
            protocol,
            standing: Arc::new(Standing::new(now)),
        })
    }
}

impl Pool {
    /// They are sorted, as they come out of a sorted map.
    fn endpoint(&self, container: &str) -> Option<&Endpoint> {
        let at = self.endpoints.binary_search_by(|known| (*known.container).cmp(container));
        self.endpoints.get(at.ok()?)
    }

    /// Compiles a pool that was compiled `before` so; the first of these goes on.
    fn compile(
        table: &ServiceTable,
        version: VersionNumber,
        pool: &table::Pool,
        before: &[&Arc<Self>],
        threads: usize,
    ) -> Arc<Self> {
        let now = clock();
        let endpoints: Vec<Endpoint> = (pool.endpoints.iter())
            .map(|(id, address)| Endpoint::compile((id, *address), pool.protocol, before, now))
            .collect();
        let choice = Choice::of(&table.traffic);
        let before = before.first().copied();
        let same = before.filter(|before| before.endpoints == endpoints && before.choice == choice);
        if let Some(same) = same
            && same.health == pool.health
        {
            return same.clone();
        }
        Arc::new(Self {
            id: before.map_or_else(|| PoolId(fresh()), |before| before.id),
            stamp: same.map_or_else(fresh, |same| same.stamp),
            service: table.name.clone(),
            version,
            health: pool.health.clone(),
            endpoints,
            choice,
            stats: before.map_or_else(|| Arc::new(VersionStats::new(threads)), |b| b.stats.clone()),
        })
    }
}

/// One service.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) name: ServiceName,
    pub(crate) hosts: Vec<String>,
    pub(crate) traffic: Traffic,
    /// Every version that has running containers.
    pub(crate) pools: BTreeMap<VersionNumber, Arc<Pool>>,
    /// The versions with a weight, each with the sum of the weights up to and including its own.
    live: Vec<(u32, Arc<Pool>)>,
    /// Users are kept on their versions.
    sticky: Option<Sticky>,
    trials: Trials,
    /// It is closed to its users; nearly never.
    closed: Option<Arc<Closed>>,
    /// Who may look at previews, if not everybody.
    pub(crate) logins: Option<Arc<Logins>>,
    /// Rules that take its requests elsewhere.
    pub(crate) elsewhere: Option<Box<Elsewhere>>,
    /// What it wants of HTTPS.
    pub(crate) tls: Secured,
    /// What is done to the fields of its requests and responses.
    pub(crate) fields: Option<Arc<Fields>>,
    /// What is compressed on its way to clients.
    pub(crate) compression: Option<Arc<Compression>>,
    /// Files that are looked for in other versions.
    pub(crate) assets: Option<Box<Assets>>,
    /// Environments of branches, where there are any.
    pub(crate) branches: Option<Box<Branches>>,
}

/// Where a production request goes.
#[derive(Debug)]
pub(crate) struct Way<'t> {
    pub(crate) pool: &'t Arc<Pool>,
    /// It is a live version, and not one that is only tried.
    pub(crate) live: bool,
    /// The cookie that its response sets.
    pub(crate) cookie: Option<&'t Arc<HeaderValue>>,
}

impl Site {
    /// Compiles a service for `threads` worker threads. Pools that one of the sites `before` it had go on.
    pub(crate) fn compile(table: &ServiceTable, before: &[&Self], threads: usize) -> Self {
        let pools: BTreeMap<_, _> = (table.pools.iter())
            .map(|(version, pool)| {
                let before = before.iter().filter_map(|site| site.pools.get(version));
                let before: Vec<_> = before.collect();
                (*version, Pool::compile(table, *version, pool, &before, threads))
            })
            .collect();
        let mut live = Vec::new();
        let mut sum = 0;
        for (version, weight) in &table.weights {
            if let Some(pool) = pools.get(version)
                && weight.percent() > 0
            {
                sum += u32::from(weight.percent());
                live.push((sum, pool.clone()));
            }
        }
        Self {
            name: table.name.clone(),
            hosts: table.hosts.clone(),
            traffic: table.traffic.clone(),
            sticky: Sticky::compile(table, live.iter().map(|(_, pool)| pool)),
            trials: Trials::compile(table, &pools, live.len()),
            closed: table.rules.maintenance.as_ref().map(Closed::compile),
            logins: Logins::compile(table, before),
            elsewhere: Elsewhere::compile(&table.rules).map(Box::new),
            tls: Secured::compile(&table.rules.tls),
            fields: Fields::compile(&table.rules.headers),
            compression: Compression::compile(table.rules.compression.as_ref()),
            assets: Assets::compile(table, &pools).map(Box::new),
            branches: Branches::compile(table).map(Box::new),
            pools,
            live,
        }
    }

    /// What answers a production request while the service is closed to its users; `None` when it is not,
    /// or the request tries a version.
    pub(crate) fn closed_to(&self, headers: &HeaderMap) -> Option<&Closed> {
        let closed = self.closed.as_deref()?;
        self.trials.asked_for(headers).is_none().then_some(closed)
    }

    /// Where one production request goes: to the version that it tries, to the one that its user is on,
    /// or to one by the weights. `None` when nothing is live.
    pub(crate) fn way(&self, headers: &HeaderMap, rng: &mut impl Rng) -> Option<Way<'_>> {
        if let Some(pool) = self.trials.asked_for(headers) {
            let live = self.live().any(|live| live.id == pool.id);
            return Some(Way { pool, live, cookie: None });
        }
        let kept = self.sticky.as_ref().and_then(|sticky| sticky.kept(headers));
        if let Some(pool) = kept {
            return Some(Way { pool, live: true, cookie: None });
        }
        let pool = self.choose(rng)?;
        let cookie = self.sticky.as_ref().and_then(|sticky| sticky.cookie(pool));
        Some(Way { pool, live: true, cookie })
    }

    /// The cookie that answers a link to try a version: it names the version, or, when the link names
    /// none that has containers, has the browser forget it.
    pub(crate) fn try_cookie(&self, named: &str) -> String {
        self.trials.cookie_for(named)
    }

    /// The version that the first label of a preview's hostname names: `vN`, or the label of a branch.
    fn named(&self, label: &str) -> Option<VersionNumber> {
        let digits = label.strip_prefix('v').filter(|digits| !digits.starts_with(['0', '+']));
        let number = digits.and_then(|digits| digits.parse().ok()).map(VersionNumber);
        number.or_else(|| self.branches.as_ref()?.alias(label))
    }

    /// Why one of its environments does not serve now, if it is one that may again.
    pub(crate) fn rest(&self, version: VersionNumber) -> Option<Rest> {
        let branches = self.branches.as_ref()?;
        let serves = || self.pools.get(&version).is_some_and(|pool| !pool.endpoints.is_empty());
        branches.rest(version, serves)
    }

    /// Whether it has this pool.
    pub(crate) fn has(&self, pool: PoolId) -> bool {
        self.pools.values().any(|has| has.id == pool)
    }

    /// The pools that production traffic goes to.
    pub(crate) fn live(&self) -> impl Iterator<Item = &Arc<Pool>> {
        self.live.iter().map(|(_, pool)| pool)
    }

    /// A pool by the weights.
    fn choose(&self, rng: &mut impl Rng) -> Option<&Arc<Pool>> {
        match self.live.as_slice() {
            [] => None,
            [(_, only)] => Some(only),
            [.., (sum, _)] => {
                let drawn = rng.random_range(0..*sum);
                self.live.iter().find(|(up_to, _)| drawn < *up_to).map(|(_, pool)| pool)
            }
        }
    }
}

/// Every service.
#[derive(Debug, Default)]
pub(crate) struct Table {
    hosts: HashMap<Arc<str>, Arc<Site>, RandomState>,
    services: HashMap<Arc<str>, Arc<Site>, RandomState>,
    /// Services whose new requests wait; nearly always none.
    held: HashMap<ServiceName, Arc<Hold>, RandomState>,
    preview_domain: String,
}

/// Where a hostname leads.
#[derive(Debug)]
pub(crate) enum Found<'t> {
    /// To a service's production.
    Production(&'t Arc<Site>),
    /// To one environment of a service.
    Preview(&'t Arc<Site>, &'t Arc<Pool>),
    /// To one that does not serve now.
    Resting(&'t Arc<Site>, VersionNumber, Rest),
    /// To an environment that the service does not have, or not any more.
    NoSuchVersion(&'t Arc<Site>, VersionNumber),
    /// Nowhere.
    Unknown,
}

impl Table {
    /// Puts services together. Of two that claim one hostname the first has it.
    pub(crate) fn new<'s>(
        preview_domain: &str,
        sites: impl Iterator<Item = &'s Arc<Site>>,
    ) -> Self {
        let mut table = Self { preview_domain: preview_domain.to_owned(), ..Self::default() };
        for site in sites {
            table.services.insert(site.name.as_str().into(), site.clone());
            for host in &site.hosts {
                let owner = table.hosts.entry(host.as_str().into()).or_insert_with(|| site.clone());
                if owner.name != site.name {
                    tracing::warn!(%host, service = %site.name, owner = %owner.name, "a hostname is claimed twice");
                }
            }
        }
        table
    }

    /// Has requests for the production of these services wait.
    pub(crate) fn holding<'h>(
        mut self,
        holds: impl Iterator<Item = (&'h ServiceName, &'h Arc<Hold>)>,
    ) -> Self {
        self.held = holds.map(|(service, hold)| (service.clone(), hold.clone())).collect();
        self
    }

    /// What requests for the production of a service wait for, if they do.
    pub(crate) fn hold(&self, site: &Site) -> Option<&Arc<Hold>> {
        if self.held.is_empty() {
            return None;
        }
        self.held.get(&site.name).filter(|hold| !hold.is_over())
    }

    /// The service of this name.
    pub(crate) fn service(&self, name: &ServiceName) -> Option<&Arc<Site>> {
        self.services.get(name.as_str())
    }

    /// Looks a hostname up that is in lower case and has no port.
    pub(crate) fn find(&self, host: &str) -> Found<'_> {
        if let Some(site) = self.hosts.get(host) {
            return Found::Production(site);
        }
        let Some((label, service)) = self.preview(host) else { return Found::Unknown };
        let Some(site) = self.services.get(service) else { return Found::Unknown };
        let Some(version) = site.named(label) else { return Found::Unknown };
        if let Some(rest) = site.rest(version) {
            return Found::Resting(site, version, rest);
        }
        match site.pools.get(&version) {
            Some(pool) => Found::Preview(site, pool),
            None => Found::NoSuchVersion(site, version),
        }
    }

    /// Reads `<label>.<service>.<preview domain>`.
    fn preview<'h>(&self, host: &'h str) -> Option<(&'h str, &'h str)> {
        let labels = host.strip_suffix(self.preview_domain.as_str())?.strip_suffix('.')?;
        labels.split_once('.')
    }

    /// Every service.
    pub(crate) fn services(&self) -> impl Iterator<Item = &Arc<Site>> {
        self.services.values()
    }

    /// Every pool of every service.
    pub(crate) fn pools(&self) -> impl Iterator<Item = &Arc<Pool>> {
        self.services.values().flat_map(|site| site.pools.values())
    }
}

#[cfg(test)]
mod tests;
