//! What was deployed, in memory: a deployment that is over never changes, and is read once.

use std::collections::HashMap;
use std::sync::Arc;

use launcher_model::route::{Deployment, DeploymentState};
use launcher_model::{DeploymentId, ServiceName};
use launcher_store::{DeploymentFilter, Page, Store};
use tokio::sync::Mutex;

use crate::Result;

/// How far back deployments are known, for each service.
const EACH: u32 = 50;

/// The newest deployments of all services.
#[derive(Default)]
pub(crate) struct Histories(Mutex<Known>);

/// What is known without asking the store.
struct Known {
    /// All deployments up to this one are over.
    over_until: DeploymentId,
    /// Of those, the newest of each service, newest first.
    over: HashMap<ServiceName, Arc<Vec<Deployment>>>,
}

impl Default for Known {
    fn default() -> Self {
        Self { over_until: DeploymentId(0), over: HashMap::new() }
    }
}

impl Histories {
    /// One service's, newest first.
    pub(crate) async fn one(
        &self,
        store: &dyn Store,
        service: &ServiceName,
    ) -> Result<Arc<Vec<Deployment>>> {
        let page = Page { before: None, limit: EACH };
        let filter = DeploymentFilter { service: Some(service.clone()), among: None, page };
        Ok(Arc::new(store.deployments(&filter).await?))
    }

    /// Those of all services, newest first.
    pub(crate) async fn all(
        &self,
        store: &dyn Store,
    ) -> Result<HashMap<ServiceName, Arc<Vec<Deployment>>>> {
        let mut known = self.0.lock().await;
        let newer = store.deployments_after(known.over_until, EACH).await?;
        Ok(known.take(newer))
    }
}

impl Known {
    /// Takes in what is newer than what is known to be over, newest first. Returns all.
    fn take(&mut self, newer: Vec<Deployment>) -> HashMap<ServiceName, Arc<Vec<Deployment>>> {
        let newest = newer.first().map_or(self.over_until, |one| one.id);
        let first_open = newer.iter().rev().find(|one| !is_over(one)).map(|one| one.id.0 - 1);
        let over_until = first_open.map_or(newest, DeploymentId);
        let mut by_service: HashMap<ServiceName, Vec<Deployment>> = HashMap::new();
        for one in newer {
            by_service.entry(one.service.clone()).or_default().push(one);
        }
        let mut all = self.over.clone();
        for (service, newer) in by_service {
            let before = self.over.get(&service).cloned().unwrap_or_default();
            let whole = newer.into_iter().chain(before.iter().cloned()).take(EACH as usize);
            let whole: Vec<Deployment> = whole.collect();
            let over = whole.iter().filter(|one| one.id <= over_until).cloned().collect();
            self.over.insert(service.clone(), Arc::new(over));
            all.insert(service, Arc::new(whole));
        }
        self.over_until = over_until;
        all
    }
}

fn is_over(deployment: &Deployment) -> bool {
    matches!(deployment.state, DeploymentState::Done | DeploymentState::Aborted)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use launcher_model::VersionNumber;
    use launcher_model::plan::shares::all_to;
    use launcher_model::route::DeploymentKind;

    use super::*;

    fn deployment(service: &str, id: i64, state: DeploymentState) -> Deployment {
        Deployment {
            id: DeploymentId(id),
            service: ServiceName::new(service).unwrap(),
            kind: DeploymentKind::Deploy,
            state,
            from: all_to(VersionNumber(1)),
            to: all_to(VersionNumber(2)),
            generation: None,
            by: "mika".to_owned(),
            automatic: false,
            newest: None,
            note: None,
            created_at: Timestamp::UNIX_EPOCH,
            finished_at: None,
            abort_reason: None,
            receipt: None,
        }
    }

    fn told(all: &HashMap<ServiceName, Arc<Vec<Deployment>>>, service: &str) -> Vec<i64> {
        let service = ServiceName::new(service).unwrap();
        all.get(&service).map(|own| own.iter().map(|one| one.id.0).collect()).unwrap_or_default()
    }

    #[test]
    fn only_what_may_change_is_read_again() {
        use DeploymentState::{Aborted, Done, Draining};
        let mut known = Known::default();
        let first = vec![
            deployment("shop", 4, Done),
            deployment("search", 3, Draining),
            deployment("shop", 2, Aborted),
            deployment("search", 1, Done),
        ];
        let all = known.take(first);
        assert_eq!((told(&all, "shop"), told(&all, "search")), (vec![4, 2], vec![3, 1]));
        assert_eq!(
            known.over_until,
            DeploymentId(2),
            "what drains is read again, and what follows"
        );

        let next = vec![
            deployment("billing", 5, Done),
            deployment("shop", 4, Done),
            deployment("search", 3, Done),
        ];
        let all = known.take(next);
        assert_eq!((told(&all, "shop"), told(&all, "search")), (vec![4, 2], vec![3, 1]));
        assert_eq!(told(&all, "billing"), [5]);
        assert_eq!(known.over_until, DeploymentId(5));
        assert_eq!(told(&known.take(Vec::new()), "search"), [3, 1]);
    }

    #[test]
    fn no_more_are_kept_than_are_looked_at() {
        let mut known = Known::default();
        for id in 1..=i64::from(EACH) + 7 {
            known.take(vec![deployment("shop", id, DeploymentState::Done)]);
        }
        let all = told(&known.take(Vec::new()), "shop");
        assert_eq!((all.len(), all[0]), (EACH as usize, i64::from(EACH) + 7));
    }
}
