//! The route table on disk, from which an edge serves before it has heard from the control plane.
//!
//! What is in force must outlive the process at once, and a loss of power soon after. The first takes a
//! rename, the second that the disk is forced, which on a busy machine takes longer than a switch may.
//! So a change is renamed to `routes/NAME.ORDER.fresh`, and takes the place of `routes/NAME.json` when
//! it has been [forced](Keep::force) to disk. After a loss of power a fresh file may be damaged, and
//! the one before is there. Each fresh file has a name of its own, because renaming over a file makes
//! some file systems write it out first.
//!
//! A prepared switch waits as `routes/NAME.DEPLOYMENT.prepared`, so that its commit is one rename,
//! which cannot run out of space. `edge.json` is what all services have in common.
//!
//! Writing is done without any lock. So that a slow write never takes the place of what was written
//! after it, each is [ordered](Keep::order) when it is decided on, and is dropped when a later one has
//! come before it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use launcher_model::{DeploymentId, ServiceName};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::table::{RouteTable, ServiceTable};

const ROUTES: &str = "routes";
const COMMON: &str = "edge.json";

/// The directory of one edge.
#[derive(Debug)]
pub(crate) struct Keep {
    dir: PathBuf,
    common: PathBuf,
    routes: PathBuf,
    last_order: AtomicU64,
    /// The directory was removed, and made again.
    lost: AtomicBool,
    files: Mutex<Files>,
}

#[derive(Debug, Default)]
struct Files {
    /// What the files of each service hold.
    services: HashMap<ServiceName, Holds>,
    /// Fresh files in whose place newer ones have come.
    stale: Vec<PathBuf>,
    /// Deployments that are being prepared or have been.
    prepared: HashSet<DeploymentId>,
}

#[derive(Debug, Clone, Copy)]
struct Holds {
    order: Order,
    /// It is in a fresh file.
    fresh: bool,
}

/// When a change of a file was decided on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Order(u64);

/// What all services have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Common {
    pub(crate) preview_domain: String,
    /// Whose services they are.
    #[serde(default)]
    pub(crate) installation: Option<String>,
}

impl Common {
    pub(crate) fn of(table: &RouteTable) -> Self {
        let RouteTable { preview_domain, installation, .. } = table;
        Self { preview_domain: preview_domain.clone(), installation: installation.clone() }
    }

    /// A table of these services.
    pub(crate) fn table(self, services: BTreeMap<ServiceName, ServiceTable>) -> RouteTable {
        let Self { preview_domain, installation } = self;
        RouteTable { preview_domain, installation, services }
    }
}

impl Keep {
    /// Opens a directory, which is made when it is not there, and reads the table that it holds. A file
    /// that cannot be read is set aside: serving what the others say is better than serving nothing.
    pub(crate) fn open(dir: &Path) -> Result<(Self, RouteTable), Error> {
        let keep = Self {
            dir: dir.to_owned(),
            common: dir.join(COMMON),
            routes: dir.join(ROUTES),
            last_order: AtomicU64::new(0),
            lost: AtomicBool::new(false),
            files: Mutex::default(),
        };
        let failed = |cause| Error::Keep { path: keep.routes.clone(), cause };
        fs::create_dir_all(&keep.routes).map_err(failed)?;
        let mut services = BTreeMap::new();
        for entry in fs::read_dir(&keep.routes).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("json") => keep.found(&path, None, &mut services),
                Some("fresh") => keep.found(&path, order_of(&path), &mut services),
                // What was being written or prepared when the process died never was in force.
                Some("new" | "prepared") => drop(fs::remove_file(&path)),
                _ => {}
            }
        }
        let common: Common = read(&keep.common).unwrap_or_default();
        Ok((keep, common.table(services)))
    }

    /// The directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Takes a file when it is the newest of its service's.
    fn found(
        &self,
        path: &Path,
        fresh: Option<Order>,
        services: &mut BTreeMap<ServiceName, ServiceTable>,
    ) {
        let Some(service) = read::<ServiceTable>(path) else { return };
        let order = fresh.unwrap_or(Order(0));
        self.last_order.fetch_max(order.0, Relaxed);
        let name = service.name.clone();
        let newest = services.get(&name).is_none_or(|other| other.revision < service.revision);
        let mut files = self.files();
        if newest {
            files.put(self, &name, Holds { order, fresh: fresh.is_some() });
            services.insert(name, service);
        } else if fresh.is_some() {
            files.stale.push(path.to_owned());
        }
    }

    /// The order of a change that is decided on now.
    pub(crate) fn order(&self) -> Order {
        Order(self.last_order.fetch_add(1, Relaxed) + 1)
    }

    fn forced(&self, name: &ServiceName) -> PathBuf {
        self.routes.join(format!("{name}.json"))
    }

    fn fresh(&self, name: &ServiceName, order: Order) -> PathBuf {
        self.routes.join(format!("{name}.{}.fresh", order.0))
    }

    fn prepared(&self, name: &ServiceName, deployment: DeploymentId) -> PathBuf {
        self.routes.join(format!("{name}.{deployment}.prepared"))
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does `change` to the files of a service, unless a later change has come before this one. Says
    /// whether it has been done.
    fn in_turn(
        &self,
        name: &ServiceName,
        order: Order,
        change: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<bool> {
        let mut files = self.files();
        if files.services.get(name).is_some_and(|holds| holds.order > order) {
            return Ok(false);
        }
        change()?;
        files.put(self, name, Holds { order, fresh: true });
        Ok(true)
    }

    /// Writes a new file. A directory that was removed under the running edge is made again: a switch
    /// does not fail for want of it.
    fn create(&self, path: &Path, value: &impl Serialize) -> io::Result<File> {
        match write(path, value) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let routes = &self.routes;
                tracing::error!(directory = %routes.display(), "the kept routes are gone; they are written again");
                fs::create_dir_all(routes).map_err(|error| named(routes, &error))?;
                self.lost.store(true, Relaxed);
                write(path, value)
            }
            written => written,
        }
    }

    /// Whether files were lost since this was last asked: all that is in force is to be kept again.
    pub(crate) fn take_lost(&self) -> bool {
        self.lost.swap(false, Relaxed)
    }

    /// Keeps one service.
    pub(crate) fn write(&self, service: &ServiceTable, order: Order) -> io::Result<()> {
        let name = &service.name;
        let beside = self.routes.join(format!("{name}.{}.new", order.0));
        let written = self
            .create(&beside, service)
            .and_then(|_| self.in_turn(name, order, || rename(&beside, &self.fresh(name, order))));
        if !matches!(written, Ok(true)) {
            let _ = fs::remove_file(&beside);
        }
        written.map(drop)
    }

    /// Forgets one service.
    pub(crate) fn remove(&self, name: &ServiceName, order: Order) -> io::Result<()> {
        if !self.in_turn(name, order, || Ok(()))? {
            return Ok(());
        }
        self.files().put(self, name, Holds { order, fresh: false });
        // The fresh ones first: the disk may be being forced, which makes one of them the other.
        self.remove_stale()?;
        remove(&self.forced(name))
    }

    fn remove_stale(&self) -> io::Result<()> {
        let stale = std::mem::take(&mut self.files().stale);
        stale.iter().try_for_each(|path| remove(path))
    }

    /// Keeps what all services have in common. To be done after the services themselves: until then
    /// they count as what they were, and are sent anew.
    pub(crate) fn write_common(&self, common: &Common) -> io::Result<()> {
        let beside = self.common.with_extension("new");
        self.create(&beside, common)?.sync_all()?;
        rename(&beside, &self.common)
    }

    /// Notes that a switch is about to be [prepared](Self::prepare).
    pub(crate) fn expect(&self, deployment: DeploymentId) {
        self.files().prepared.insert(deployment);
    }

    /// Writes what a commit will put in force, unless it has been [aborted](Self::abort) meanwhile.
    pub(crate) fn prepare(
        &self,
        service: &ServiceTable,
        deployment: DeploymentId,
    ) -> io::Result<()> {
        let prepared = self.prepared(&service.name, deployment);
        let beside = prepared.with_extension("new");
        let written = self.create(&beside, service).and_then(|_| {
            let files = self.files();
            let expected = files.prepared.contains(&deployment);
            if expected { rename(&beside, &prepared) } else { fs::remove_file(&beside) }
        });
        if written.is_err() {
            let _ = fs::remove_file(&beside);
        }
        written
    }

    /// Keeps what was prepared in place of what was in force.
    pub(crate) fn commit(
        &self,
        name: &ServiceName,
        deployment: DeploymentId,
        order: Order,
    ) -> io::Result<()> {
        let prepared = self.prepared(name, deployment);
        self.in_turn(name, order, || rename(&prepared, &self.fresh(name, order)))?;
        self.files().prepared.remove(&deployment);
        Ok(())
    }

    /// Forgets what was prepared, or still is being written.
    pub(crate) fn abort(&self, name: &ServiceName, deployment: DeploymentId) {
        let mut files = self.files();
        files.prepared.remove(&deployment);
        let _ = fs::remove_file(self.prepared(name, deployment));
    }

    /// Makes all that is kept outlive a loss of power.
    pub(crate) fn force(&self) -> io::Result<()> {
        let fresh: Vec<(ServiceName, Order)> = (self.files().services.iter())
            .filter(|(_, holds)| holds.fresh)
            .map(|(name, holds)| (name.clone(), holds.order))
            .collect();
        for (name, order) in fresh {
            let path = self.fresh(&name, order);
            let forced = File::open(&path)
                .and_then(|file| file.sync_all())
                .and_then(|()| fs::rename(&path, self.forced(&name)));
            match forced {
                // It has been removed meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                forced => forced?,
            }
            let mut files = self.files();
            let holds = files.services.get_mut(&name);
            if let Some(holds) = holds.filter(|holds| holds.order == order) {
                holds.fresh = false;
            }
        }
        self.remove_stale()?;
        File::open(&self.routes).map_err(|error| named(&self.routes, &error))?.sync_all()
    }
}

impl Files {
    /// Notes what the files of a service hold from now on.
    fn put(&mut self, keep: &Keep, name: &ServiceName, holds: Holds) {
        let before = self.services.insert(name.clone(), holds);
        if let Some(before) = before.filter(|before| before.fresh) {
            self.stale.push(keep.fresh(name, before.order));
        }
    }
}

/// Forgets all routes that a directory holds.
pub(crate) fn forget(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir.join(ROUTES)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => remove(&dir.join(COMMON)),
    }
}

/// The order in the name of a fresh file.
fn order_of(path: &Path) -> Option<Order> {
    let (_, order) = path.file_stem()?.to_str()?.rsplit_once('.')?;
    Some(Order(order.parse().ok()?))
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The file is for its owner alone: hashes of passwords may be in it.
fn write(path: &Path, value: &impl Serialize) -> io::Result<File> {
    let text = serde_json::to_vec_pretty(value)?;
    let created = File::options().write(true).create(true).truncate(true).mode(0o600).open(path);
    let written = created.and_then(|mut file| file.write_all(&text).map(|()| file));
    written.map_err(|error| named(path, &error))
}

fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to).map_err(|error| named(from, &error))
}

/// An error that tells which file it is about.
fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            tracing::error!(path = %path.display(), %error, "cannot read a kept route; going on without it");
            return None;
        }
    };
    match serde_json::from_slice(&text) {
        Ok(value) => Some(value),
        Err(error) => {
            let aside = path.with_extension("corrupt");
            tracing::error!(
                path = %path.display(), aside = %aside.display(), %error,
                "a kept route is damaged; it is set aside, and the control plane will send it anew"
            );
            let _ = fs::rename(path, &aside);
            None
        }
    }
}

#[cfg(test)]
mod tests;
