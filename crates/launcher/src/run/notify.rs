//! Telling others what happens, and answering those who ask.

use std::sync::Arc;

use anyhow::Result;
use async_trait::async_trait;
use launcher_control::{Clock, Control};
use launcher_model::container::Health;
use launcher_model::environment::{Environment, EnvironmentState, Wanted};
use launcher_model::route::{Deployment, DeploymentKind, DeploymentState, Route, Weights};
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
        let mut overview = Vec::new();
        for service in self.store.services().await.unwrap_or_default() {
            let name = service.spec.service.name;
            let how = match self.store.route(&name).await {
                Ok(route) => self.live(&name, &route),
                Err(error) => error.to_string(),
            };
            overview.push((name, how));
        }
        overview
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
    async fn look(&self, service: &ServiceName) -> launcher_store::Result<Option<Vec<String>>> {
        let Some(known) = self.store.service(service).await? else { return Ok(None) };
        let route = self.store.route(service).await?;
        let closed = if known.maintenance.is_some() { ", closed for maintenance" } else { "" };
        let (live, page) = (self.live(service, &route), self.links.service(service));
        let mut lines = vec![format!("{service}: {live}{closed} — {page}")];
        let environments = self.store.environments(service, false).await?;
        let beside = environments.iter().filter(|one| !route.is_live(one.version));
        lines.extend(beside.take(BESIDE).map(|one| self.beside(service, one)));
        Ok(Some(lines))
    }

    /// What is live, and how well.
    fn live(&self, service: &ServiceName, route: &Route) -> String {
        let Some(shares) = shares(&route.weights) else { return "nothing is live".to_owned() };
        let are = if route.live().count() == 1 { "is" } else { "are" };
        let observed = self.control.observed(service);
        let live = observed.iter().filter(|one| route.is_live(one.container.version));
        let (healthy, all) = live.fold((0, 0), |(healthy, all), one| {
            (healthy + usize::from(one.health == Health::Healthy), all + 1)
        });
        format!("{shares} {are} live, {healthy} of {all} containers healthy")
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
