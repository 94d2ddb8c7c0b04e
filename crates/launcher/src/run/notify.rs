//! Telling others what happens, and answering those who ask.

use std::sync::Arc;

use anyhow::Result;
use async_trait::async_trait;
use launcher_control::{Clock, Control, EnvironmentView, Overview};
use launcher_model::environment::{Environment, EnvironmentState, Wanted};
use launcher_model::route::{Deployment, DeploymentKind, DeploymentState, Weights};
use launcher_model::{ServiceName, VersionNumber, Weight};
use launcher_notify::{Answers, Links, Notifier, Parts};
use launcher_server::Settings;
use launcher_store::{DeploymentFilter, Page, Store};

use super::config::Config;

/// So many deployments are told to who asks.
const DEPLOYMENTS: u32 = 5;
/// So many versions that wait beside the live one are told.
const BESIDE: usize = 3;

/// Begins to tell what happens; people reach the pages at `pages`.
pub(super) async fn start(
    config: &Config,
    pages: &str,
    control: &Control,
    store: &Arc<dyn Store>,
    settings: &Arc<Settings>,
    clock: &Clock,
) -> Result<Notifier> {
    let previews = Arc::clone(settings);
    let preview = move |service: &ServiceName, version| previews.preview_url(service, version);
    let links = Links::new(pages, Arc::new(preview));
    let known = Known { control: control.clone(), store: Arc::clone(store), links: links.clone() };
    let parts = Parts {
        store: Arc::clone(store),
        answers: Arc::new(known),
        links,
        clock: Arc::clone(clock),
    };
    Ok(Notifier::start(parts, &config.notifications).await?)
}

/// What the server knows.
struct Known {
    control: Control,
    store: Arc<dyn Store>,
    links: Links,
}

#[async_trait]
impl Answers for Known {
    async fn overview(&self) -> Vec<(ServiceName, String)> {
        let services = self.store.services().await.unwrap_or_default();
        match self.control.overviews(&services).await {
            Ok(all) => {
                let all = services.into_iter().zip(all);
                all.map(|(service, overview)| (service.spec.service.name, live(&overview)))
                    .collect()
            }
            Err(error) => {
                let each = services.into_iter();
                each.map(|service| (service.spec.service.name, error.to_string())).collect()
            }
        }
    }

    async fn status(&self, service: &ServiceName) -> Option<Vec<String>> {
        self.look(service).await.unwrap_or_else(|error| Some(vec![error.to_string()]))
    }

    async fn history(&self, service: &ServiceName) -> Option<Vec<String>> {
        let page = Page { before: None, limit: DEPLOYMENTS };
        let filter = DeploymentFilter { service: Some(service.clone()), among: None, page };
        match self.store.deployments(&filter).await {
            Ok(deployments) if deployments.is_empty() => {
                self.store.service(service).await.ok().flatten().map(|_| Vec::new())
            }
            Ok(deployments) => Some(deployments.iter().map(told).collect()),
            Err(error) => Some(vec![error.to_string()]),
        }
    }
}

impl Known {
    async fn look(&self, service: &ServiceName) -> launcher_control::Result<Option<Vec<String>>> {
        let Some(known) = self.store.service(service).await? else { return Ok(None) };
        let overview = self.control.overview(&known).await?;
        let closed = if known.maintenance.is_some() { ", closed for maintenance" } else { "" };
        let (live, page) = (live(&overview), self.links.service(service));
        let mut lines = vec![format!("{service}: {live}{closed} — {page}")];
        let environments = overview.environments.iter().map(|view| &view.environment);
        let beside = environments.filter(|one| !overview.route.is_live(one.version));
        lines.extend(beside.take(BESIDE).map(|one| self.beside(service, one)));
        Ok(Some(lines))
    }

    fn beside(&self, service: &ServiceName, environment: &Environment) -> String {
        let number = environment.version;
        let state = match (environment.wanted, environment.state) {
            (Wanted::Stopped, EnvironmentState::Creating | EnvironmentState::Ready) => "stopping",
            (Wanted::Running, EnvironmentState::Stopped) => "starting",
            (_, state) => state.as_str(),
        };
        match (&environment.failure, environment.state) {
            (Some(failure), EnvironmentState::Failed) => {
                format!("{number} has failed: {}", failure.reason)
            }
            (_, EnvironmentState::Ready) => {
                format!("{number} is ready beside it: {}", self.links.preview(service, number))
            }
            _ => format!("{number} is {state}"),
        }
    }
}

/// What is live, and how well.
fn live(overview: &Overview) -> String {
    let route = &overview.route;
    let Some(shares) = shares(&route.weights) else { return "nothing is live".to_owned() };
    let views = overview.environments.iter();
    let live: Vec<_> = views.filter(|view| route.is_live(view.environment.version)).collect();
    let are = if route.live().count() == 1 { "is" } else { "are" };
    format!("{shares} {are} live, {}", health(&live))
}

/// How many of the wanted containers are healthy. Containers that have died fill no place, and those that nobody
/// has looked at since the server was started are said to be so: they are not sick.
fn health(live: &[&EnvironmentView]) -> String {
    if live.iter().all(|view| !view.looked_at) {
        return "its containers were not checked yet since the server was started".to_owned();
    }
    let sum = |count: fn(&EnvironmentView) -> usize| live.iter().map(|view| count(view)).sum();
    let wanted: usize = sum(|view| usize::from(view.environment.replicas));
    let (healthy, unchecked): (usize, usize) =
        (sum(EnvironmentView::healthy), sum(EnvironmentView::unchecked));
    match unchecked {
        0 => format!("{healthy} of {wanted} containers healthy"),
        some => format!("{healthy} of {wanted} containers healthy, {some} not checked yet"),
    }
}

/// Shares of the traffic: `v2`, or `v1 90 %, v2 10 %`; none when nothing is live.
fn shares(weights: &Weights) -> Option<String> {
    let share = |(version, weight): (&VersionNumber, &Weight)| match *weight {
        Weight::ALL => version.to_string(),
        part => format!("{version} {} %", part.percent()),
    };
    let some = weights.iter().filter(|(_, weight)| weight.percent() > 0);
    let texts: Vec<String> = some.map(share).collect();
    (!texts.is_empty()).then(|| texts.join(", "))
}

/// A deployment in a line.
fn told(deployment: &Deployment) -> String {
    let to = shares(&deployment.to).unwrap_or_else(|| "nothing".to_owned());
    let by = &deployment.by;
    let what = match deployment.kind {
        DeploymentKind::Deploy => format!("{by} deployed {to}"),
        DeploymentKind::Rollback => format!("{by} rolled back to {to}"),
        DeploymentKind::Offline => format!("{by} took it offline"),
    };
    let at = deployment.created_at.strftime("%Y-%m-%d %H:%M UTC");
    match (deployment.state, &deployment.abort_reason) {
        (DeploymentState::Aborted, why) => {
            let why = why.as_deref().unwrap_or("nobody said why");
            format!("{at} {what}: aborted, {why}")
        }
        _ => format!("{at} {what}"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;
    use launcher_model::Generation;
    use launcher_model::container::{Container, ContainerPhase, Health};
    use launcher_model::environment::Release;
    use launcher_model::plan::environment::Checked;
    use launcher_model::route::Route;

    use super::*;

    fn shop() -> ServiceName {
        ServiceName::new("shop").unwrap()
    }

    fn container(slot: u16, runs: bool, health: Health) -> Checked {
        let at = Timestamp::UNIX_EPOCH;
        let phase = match runs {
            true => ContainerPhase::Running { since: at, exec_check: None },
            false => {
                ContainerPhase::Exited { started: at, finished: at, code: 1, out_of_memory: false }
            }
        };
        let container = Container {
            id: format!("c{slot}"),
            name: format!("shop-{slot}"),
            service: shop(),
            version: VersionNumber(1),
            slot,
            attempt: 0,
            failures: 0,
            created: at,
            host: "alpha".to_owned(),
            address: None,
            published: None,
            phase,
        };
        Checked { container, health }
    }

    /// Version 1 is live with three containers; nobody has looked at them where there are none.
    fn told(containers: Option<Vec<Checked>>) -> String {
        let environment = Environment {
            service: shop(),
            version: VersionNumber(1),
            wanted: Wanted::Running,
            replicas: 3,
            state: EnvironmentState::Ready,
            since: Timestamp::UNIX_EPOCH,
            failure: None,
            release: Release::Passed,
            starting_since: None,
            pinned: false,
            last_used: Timestamp::UNIX_EPOCH,
            branch: None,
            asleep: false,
        };
        let looked_at = containers.is_some();
        let containers = containers.unwrap_or_default();
        let view =
            EnvironmentView { environment, containers, weight: None, trouble: None, looked_at };
        let route = Route {
            generation: Generation(1),
            weights: [(VersionNumber(1), Weight::ALL)].into(),
            ..Route::none(shop())
        };
        live(&Overview {
            route,
            environments: vec![view],
            branches: Vec::new(),
            history: Arc::default(),
        })
    }

    #[test]
    fn what_is_not_known_yet_is_not_said_to_be_sick() {
        let unknown = || Health::Unknown { last: None };
        let begin = "v1 is live, ";
        for (containers, expected) in [
            (None, "its containers were not checked yet since the server was started"),
            (
                Some(vec![container(1, true, unknown()), container(2, true, Health::Healthy)]),
                "1 of 3 containers healthy, 1 not checked yet",
            ),
            // One that died and was replaced is still there.
            (
                Some(vec![
                    container(1, false, unknown()),
                    container(1, true, Health::Healthy),
                    container(2, true, Health::Healthy),
                    container(3, true, Health::Healthy),
                ]),
                "3 of 3 containers healthy",
            ),
            (
                Some(vec![container(1, true, Health::Unhealthy { why: "no".to_owned() })]),
                "0 of 3 containers healthy",
            ),
        ] {
            assert_eq!(told(containers), format!("{begin}{expected}"));
        }
    }
}
