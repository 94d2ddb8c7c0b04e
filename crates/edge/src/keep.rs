//! The route table on disk, from which an edge serves before it has heard from the control plane.
//!
//! `DIR/routes/NAME.json` is what is in force of one service, `DIR/edge.json` what all have in common.
//! A file that counts is never written in place: what is new is written beside it, forced to disk, and
//! renamed. A prepared switch waits as `DIR/routes/NAME.DEPLOYMENT.prepared`, so that its commit is one
//! rename, which cannot run out of space.
//!
//! Writing takes its time and is done without any lock. So that a slow write never takes the place of
//! what was written after it, each is [ordered](Keep::order) when it is decided on, and is dropped when
//! a later one has come before it.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use launcher_model::{DeploymentId, ServiceName};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::table::{RouteTable, ServiceTable};

/// The directory of one edge.
#[derive(Debug)]
pub(crate) struct Keep {
    common: PathBuf,
    routes: PathBuf,
    last_order: AtomicU64,
    /// The order of what each service's file holds.
    orders: Mutex<HashMap<ServiceName, Order>>,
}

/// When a change of a file was decided on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Order(u64);

/// What all services have in common.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Common {
    preview_domain: String,
}

impl Keep {
    /// Opens a directory, which is made when it is not there, and reads the table that it holds. A file
    /// that cannot be read is set aside: serving what the others say is better than serving nothing.
    pub(crate) fn open(dir: &Path) -> Result<(Self, RouteTable), Error> {
        let keep = Self {
            common: dir.join("edge.json"),
            routes: dir.join("routes"),
            last_order: AtomicU64::new(0),
            orders: Mutex::default(),
        };
        let failed = |cause| Error::Keep { path: keep.routes.clone(), cause };
        fs::create_dir_all(&keep.routes).map_err(failed)?;
        let mut services = BTreeMap::new();
        for entry in fs::read_dir(&keep.routes).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("json") => {
                    if let Some(service) = read::<ServiceTable>(&path) {
                        services.insert(service.name.clone(), service);
                    }
                }
                // What was being written or prepared when the process died never was in force.
                Some("new" | "prepared") => drop(fs::remove_file(&path)),
                _ => {}
            }
        }
        let common: Common = read(&keep.common).unwrap_or_default();
        Ok((keep, RouteTable { preview_domain: common.preview_domain, services }))
    }

    /// The order of a change that is decided on now.
    pub(crate) fn order(&self) -> Order {
        Order(self.last_order.fetch_add(1, Relaxed) + 1)
    }

    fn route(&self, name: &ServiceName) -> PathBuf {
        self.routes.join(format!("{name}.json"))
    }

    fn prepared(&self, name: &ServiceName, deployment: DeploymentId) -> PathBuf {
        self.routes.join(format!("{name}.{deployment}.prepared"))
    }

    /// The right to change a service's file, unless a later change has come before this one.
    fn turn(
        &self,
        name: &ServiceName,
        order: Order,
    ) -> Option<MutexGuard<'_, HashMap<ServiceName, Order>>> {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        if orders.get(name).is_some_and(|last| *last > order) {
            return None;
        }
        orders.insert(name.clone(), order);
        Some(orders)
    }

    /// Keeps one service.
    pub(crate) fn write(&self, service: &ServiceTable, order: Order) -> io::Result<()> {
        let name = &service.name;
        let beside = self.routes.join(format!("{name}.{}.new", order.0));
        let written = write(&beside, service).and_then(|()| match self.turn(name, order) {
            Some(_turn) => fs::rename(&beside, self.route(name)),
            None => fs::remove_file(&beside),
        });
        if written.is_err() {
            let _ = fs::remove_file(&beside);
        }
        written
    }

    /// Forgets one service.
    pub(crate) fn remove(&self, name: &ServiceName, order: Order) -> io::Result<()> {
        let Some(_turn) = self.turn(name, order) else { return Ok(()) };
        match fs::remove_file(self.route(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Keeps the preview domain.
    pub(crate) fn write_preview_domain(&self, preview_domain: &str) -> io::Result<()> {
        let beside = self.common.with_extension("new");
        write(&beside, &Common { preview_domain: preview_domain.to_owned() })?;
        fs::rename(&beside, &self.common)
    }

    /// Writes what a commit will put in force.
    pub(crate) fn prepare(
        &self,
        service: &ServiceTable,
        deployment: DeploymentId,
    ) -> io::Result<()> {
        let path = self.prepared(&service.name, deployment);
        let written = write(&path, service);
        if written.is_err() {
            let _ = fs::remove_file(&path);
        }
        written
    }

    /// Keeps what was prepared in place of what was in force. It outlives the process from here on,
    /// and a loss of power from the next [`sync`](Self::sync) on.
    pub(crate) fn commit(
        &self,
        name: &ServiceName,
        deployment: DeploymentId,
        order: Order,
    ) -> io::Result<()> {
        let Some(_turn) = self.turn(name, order) else { return Ok(()) };
        fs::rename(self.prepared(name, deployment), self.route(name))
    }

    /// Forgets what was prepared.
    pub(crate) fn abort(&self, name: &ServiceName, deployment: DeploymentId) {
        let _ = fs::remove_file(self.prepared(name, deployment));
    }

    /// Forces the names of the files to disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        File::open(&self.routes)?.sync_all()
    }
}

fn write(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let text = serde_json::to_vec_pretty(value)?;
    let mut file = File::create(path)?;
    file.write_all(&text)?;
    file.sync_all()
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
