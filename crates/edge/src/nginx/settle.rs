//! Every change but a switch: gathered, and put in force together. And the upkeep of what is in force.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use launcher_model::ServiceName;

use super::process::Master;
use super::reload::InForce;
use super::watch_files::Watch;
use super::{Service, Shared, State};
use crate::keep::{Common, Keep};
use crate::table::{RouteTable, ServiceTable};

/// How long after a change further ones are waited for, so that they share its reload.
const GATHER: Duration = Duration::from_millis(50);

/// How often is looked whether nginx runs and serves what it should. Nothing tells of that.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How it ended when changes were put in force the last time.
#[derive(Debug, Default, Clone)]
pub(super) struct Settled {
    /// Up to which change.
    changes: u64,
    /// Why they were not.
    refused: Option<String>,
}

impl Shared {
    /// Takes over a table. Says what has changed that is to be kept, and which services are gone.
    pub(super) fn take_over(
        &self,
        state: &mut State,
        table: RouteTable,
    ) -> (Vec<ServiceTable>, Vec<ServiceName>) {
        let common = Common::of(&table);
        let has_moved = state.common.preview_domain != common.preview_domain;
        state.common = common;
        if has_moved {
            let mut services = std::mem::take(&mut state.services);
            for service in services.values_mut() {
                self.render_or_warn(
                    &service.table,
                    &state.common.preview_domain,
                    &mut service.text,
                );
            }
            state.services = services;
            state.changes += 1;
        }
        let gone: Vec<_> =
            state.services.keys().filter(|n| !table.services.contains_key(n)).cloned().collect();
        gone.iter().for_each(|name| state.forget(name));
        let tables = table.services.into_values();
        let new = tables.filter(|table| self.take_one(state, table)).collect();
        (new, gone)
    }

    /// Takes over one service, if it is news and nginx can be told of it.
    fn take_one(&self, state: &mut State, table: &ServiceTable) -> bool {
        let revision = state.services.get(&table.name).map(|service| service.table.revision);
        if revision.is_some_and(|revision| revision >= table.revision) {
            return false;
        }
        let mut text = String::new();
        if !self.render_or_warn(table, &state.common.preview_domain, &mut text) {
            return false;
        }
        state.services.insert(table.name.clone(), Service { table: table.clone(), text });
        state.changes += 1;
        true
    }

    fn render_or_warn(&self, table: &ServiceTable, domain: &str, text: &mut String) -> bool {
        match self.render(table, domain) {
            Ok(rendered) => *text = rendered,
            Err(why) => {
                tracing::error!(%why, "a service stays as it was");
                return false;
            }
        }
        true
    }

    pub(super) async fn welcome(self: &Arc<Self>, table: RouteTable) -> Vec<(ServiceName, u64)> {
        let (changes, revisions) = {
            let mut state = self.state.lock().await;
            let common = Common::of(&table);
            let new_common = (state.common != common).then_some(common);
            let (new, gone) = self.take_over(&mut state, table);
            let order = self.keep.order();
            self.keep_or_warn(move |keep| {
                gone.iter().try_for_each(|name| keep.remove(name, order))?;
                new.iter().try_for_each(|service| keep.write(service, order))?;
                new_common.map_or(Ok(()), |common| keep.write_common(&common))
            });
            (state.changes, revisions(&state.services))
        };
        self.opened.store(true, Relaxed);
        if self.settle_up_to(changes).await.is_ok() {
            return revisions;
        }
        revisions_in_force(&*self.state.lock().await)
    }

    pub(super) async fn replace(self: &Arc<Self>, table: ServiceTable) -> (ServiceName, u64) {
        let name = table.name.clone();
        let (changes, revision) = {
            let mut state = self.state.lock().await;
            if self.take_one(&mut state, &table) {
                let order = self.keep.order();
                self.keep_or_warn(move |keep| keep.write(&table, order));
            }
            let wanted = state.services.get(&name);
            (state.changes, wanted.map_or(0, |service| service.table.revision))
        };
        if self.settle_up_to(changes).await.is_ok() {
            return (name, revision);
        }
        let state = self.state.lock().await;
        let in_force = state.in_force.get(&name);
        (name, in_force.map_or(0, |service| service.table.revision))
    }

    pub(super) async fn remove(self: &Arc<Self>, name: ServiceName) {
        let mut state = self.state.lock().await;
        state.forget(&name);
        let order = self.keep.order();
        self.keep_or_warn(move |keep| keep.remove(&name, order));
        // Nobody waits for it, and what comes next may share its reload.
        self.wanted.notify_one();
    }

    /// Has the disk follow what is wanted. A disk that does not is no reason to serve less.
    fn keep_or_warn(self: &Arc<Self>, work: impl FnOnce(&Keep) -> io::Result<()> + Send + 'static) {
        let shared = self.clone();
        tokio::spawn(async move {
            if let Err(error) = shared.on_disk(work).await {
                tracing::error!(%error, "cannot keep the route table on disk; a restart would serve an older one");
            }
        });
    }

    /// Waits until the changes up to this one are in force, or have been refused.
    async fn settle_up_to(&self, changes: u64) -> Result<(), String> {
        self.wanted.notify_one();
        let mut settled = self.settled.subscribe();
        match settled.wait_for(|settled| settled.changes >= changes).await {
            Ok(settled) => settled.refused.clone().map_or(Ok(()), Err),
            Err(_gone) => Err("the edge is stopping".to_owned()),
        }
    }

    /// Puts in force what is wanted whenever that changes, and keeps it so, for ever.
    pub(super) async fn upkeep(self: Arc<Self>, mut watch: Watch) {
        let mut health = Health::default();
        loop {
            tokio::select! {
                () = self.wanted.notified() => tokio::time::sleep(GATHER).await,
                changed = watch.changed() => {
                    if let Err(error) = changed {
                        tracing::error!(%error, "cannot watch the included files; looking at them every few seconds");
                        tokio::time::sleep(LOOK_EVERY).await;
                    }
                    tokio::time::sleep(GATHER).await;
                }
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            self.tally.catch_up();
            self.note_looks().await;
            if self.opened.load(Relaxed) {
                self.settle(&mut health).await;
            }
        }
    }

    /// Puts in force what is wanted, if it is not.
    async fn settle(self: &Arc<Self>, health: &mut Health) {
        let mut reloader = self.reloader.lock().await;
        let (changes, services) = {
            let state = self.state.lock().await;
            (state.changes, state.services.clone())
        };
        let put = reloader.put(&self.rendered(&services), false).await;
        health.tell(&self.options.pid, put.as_ref());
        let refused = match put {
            Ok(how) => {
                self.is_in_force(services, &how, None).await;
                if let Err(error) = reloader.forget_passed().await {
                    tracing::warn!(%error, "cannot remove the marks of configurations that are gone");
                }
                None
            }
            Err(why) => Some(why),
        };
        self.settled.send_replace(Settled { changes, refused });
    }
}

impl State {
    fn forget(&mut self, name: &ServiceName) {
        if self.services.remove(name).is_some() {
            self.changes += 1;
        }
        self.committed.remove(name);
    }
}

fn revisions(services: &BTreeMap<ServiceName, Service>) -> Vec<(ServiceName, u64)> {
    services.iter().map(|(name, service)| (name.clone(), service.table.revision)).collect()
}

fn revisions_in_force(state: &State) -> Vec<(ServiceName, u64)> {
    revisions(&state.in_force)
}

/// What has been told of how it goes, so that it is told once.
#[derive(Debug, Default)]
struct Health {
    is_away: bool,
    refused: Option<String>,
}

impl Health {
    fn tell(&mut self, pid_file: &std::path::Path, put: Result<&InForce, &String>) {
        let away = match put {
            Ok(InForce::Unanswered) => {
                Some("nginx runs, but does not say that it serves the edge's files".to_owned())
            }
            _ => Master::find(pid_file).err(),
        };
        if away.is_some() != self.is_away {
            self.is_away = away.is_some();
            match &away {
                Some(why) => tracing::warn!(%why, "nothing is served from here"),
                None => tracing::info!("nginx runs again"),
            }
        }
        let refused = put.err().cloned();
        if refused != self.refused {
            match &refused {
                Some(why) => tracing::error!(%why, "nginx serves on with what it had"),
                None => tracing::info!("nginx takes the configuration again"),
            }
            self.refused = refused;
        }
    }
}
