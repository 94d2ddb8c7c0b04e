//! The acts: from the first version's launch to the way back to it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use launcher_model::Span;
use launcher_model::environment::EnvironmentState;
use launcher_model::route::Deployment;
use launcher_model::service::{ServiceSpec, read};
use launcher_server::api::views::VersionView;

use super::{Outcome, Shop, Story, switched};
use crate::demo::api::Api;
use crate::demo::checkout::{self, REPLICAS};
use crate::demo::http::Door;
use crate::demo::load::{CONNECTIONS, Live, Load, WEBSOCKETS};
use crate::demo::report::Report;
use crate::demo::{SERVICE, Stage};

/// How long a version that works may take to be ready.
const START_PERIOD: Span = Span::secs(60);
/// The same for the one that does not, so that nobody has to wait for long.
const SHORT_START_PERIOD: Span = Span::secs(5);
/// How long until a version is ready or has failed.
const SETTLED_WITHIN: Duration = Duration::from_secs(90);
/// How long the last requests may take, once the load has ended.
const DRAINED_WITHIN: Duration = Duration::from_secs(15);
/// So many answers of a version are waited for before it goes on.
const ANSWERS: u64 = 500;

impl Story<'_> {
    pub(super) async fn play(mut self, api: &Api, stage: &Stage, shop: &Shop) -> Result<Report> {
        let edge = stage.edge()?;
        let live = Arc::<Live>::default();
        let door = Door { edge, host: format!("{}:{}", production(), edge.port()) };

        api.put_service(&service()?).await?;
        self.push(api, 1, shop).await?;
        self.deploy(api, 1, &live, &door).await?;
        let second = self.push(api, 2, shop).await?;
        self.look_at_preview(&second, edge, &door).await?;
        self.deploy(api, 2, &live, &door).await?;
        self.push_broken(api, shop).await?;
        self.roll_back(api, &live).await?;
        self.finish(api, &stage.run).await
    }

    /// Pushes a version, as a person would, and shows what they see of its steps.
    async fn push(&mut self, api: &Api, number: u32, shop: &Shop) -> Result<VersionView> {
        let begun = self.begin(format!("git push version {number}"));
        shop.commit(number, &[], START_PERIOD).await?;
        self.follow(shop).await?;
        let view = api.settled(number, SETTLED_WITHIN).await?;
        let took = begun.at.elapsed();
        if view.environment.state != EnvironmentState::Ready {
            let failure =
                view.environment.failure.unwrap_or_else(|| unknown(view.environment.state));
            bail!(
                "version {number} did not become ready: {}\n{}",
                failure.reason,
                failure.log.join("\n")
            );
        }
        let beside = if self.load.is_some() { ", beside production" } else { "" };
        let what = format!(
            "version {number} is built, tested and ready: {REPLICAS} healthy containers{beside}"
        );
        self.show.done(&what, took);
        self.end(begun, Outcome::new("ready", took));
        Ok(view)
    }

    /// Pushes what was committed. Of what a person sees, the steps are shown and how long each took.
    async fn follow(&self, shop: &Shop) -> Result<()> {
        let show = self.show;
        let beginnings = ["==> ", "    done in", "    skipped"];
        let is_step = |line: &str| beginnings.iter().any(|beginning| line.starts_with(beginning));
        let told = |line: &str| {
            if is_step(line) {
                show.note(&format!("| {line}"));
            }
        };
        shop.checkout.push(told).await
    }

    /// Makes a version live. The load begins with the first.
    async fn deploy(
        &mut self,
        api: &Api,
        version: u32,
        live: &Arc<Live>,
        door: &Door,
    ) -> Result<()> {
        let begun = self.begin(format!("deploy version {version}"));
        live.begins(version);
        let deployment = api.deploy(version).await?;
        live.is_alone(version);
        let took = begun.at.elapsed();
        self.show_switch(&format!("version {version} is live"), &deployment, took);
        if self.load.is_none() {
            let load = Load::begin(door.clone(), Arc::clone(live));
            self.show.watch(load.seen());
            self.show.note(&format!(
                "from here on: load, over {CONNECTIONS} connections and {WEBSOCKETS} WebSockets"
            ));
            self.load = Some(load);
        }
        self.until_seen(version).await?;
        self.end(begun, Outcome { deployment: receipt(deployment), ..Outcome::new("live", took) });
        Ok(())
    }

    /// Looks at a version under its own address while another one is live.
    async fn look_at_preview(
        &mut self,
        version: &VersionView,
        edge: SocketAddr,
        production: &Door,
    ) -> Result<()> {
        let begun = self.begin("preview version 2");
        let url = &version.environment.preview_url;
        let preview = Door { edge, host: host_of(url)? };
        let (there, here) = (preview.get("/version").await?, production.get("/version").await?);
        let took = begun.at.elapsed();
        self.show.done(&format!("the preview of version 2 is at {url}"), took);
        let who = |version: Option<u32>| {
            version.map_or("something else".to_owned(), |v| format!("version {v}"))
        };
        self.show.note(&format!(
            "{} answers there, {} in production",
            who(there.version),
            who(here.version)
        ));
        let (there, here) = (there.version, here.version);
        self.check(
            "the preview shows version 2 while version 1 is live",
            there == Some(2) && here == Some(1),
        );
        self.end(begun, Outcome::new(url, took));
        Ok(())
    }

    async fn push_broken(&mut self, api: &Api, shop: &Shop) -> Result<()> {
        let begun = self.begin("git push version 3 (broken)");
        shop.commit(3, &[("SAMPLE_BROKEN", "exit")], SHORT_START_PERIOD).await?;
        self.follow(shop).await?;
        let view = api.settled(3, SETTLED_WITHIN).await?;
        let took = begun.at.elapsed();
        let failed = view.environment.state == EnvironmentState::Failed;
        let failure = view.environment.failure.unwrap_or_else(|| unknown(view.environment.state));
        let what = if failed {
            "version 3 has failed, as it should"
        } else {
            "version 3 should have failed"
        };
        self.show.done(&format!("{what}: {}", failure.reason), took);
        for line in &failure.log {
            self.show.note(&format!("| {line}"));
        }
        let told = failure.log.iter().any(|line| line.contains("database"));
        self.check("version 3 fails", failed);
        self.check("its failure tells what its log says", told);
        self.until_seen(2).await?;
        self.end(begun, Outcome::new(format!("failed: {}", failure.reason), took));
        Ok(())
    }

    async fn roll_back(&mut self, api: &Api, live: &Live) -> Result<()> {
        let begun = self.begin("roll back to version 1");
        live.begins(1);
        let deployment = api.rollback().await?;
        live.is_alone(1);
        let took = begun.at.elapsed();
        self.show_switch("back to version 1", &deployment, took);
        self.until_seen(1).await?;
        self.end(begun, Outcome { deployment: receipt(deployment), ..Outcome::new("live", took) });
        Ok(())
    }

    fn show_switch(&self, what: &str, deployment: &Deployment, took: Duration) {
        let how = deployment.receipt.as_ref().map(switched).unwrap_or_default();
        self.show.done(&format!("{what}: {how}"), took);
    }

    /// Waits until production was answered by a version a number of times.
    async fn until_seen(&self, version: u32) -> Result<()> {
        match &self.load {
            Some(load) => {
                self.show.begin(&format!("let version {version} answer {ANSWERS} requests"));
                load.answered_by(version, ANSWERS).await
            }
            None => Ok(()),
        }
    }

    /// Ends the load, and adds up.
    async fn finish(mut self, api: &Api, run: &str) -> Result<Report> {
        self.show.begin("wait for the last answers");
        let load = match self.load.take() {
            Some(load) => load.end().await,
            None => bail!("there was no load"),
        };
        let mut unharmed = true;
        for step in &mut self.steps {
            let Some(id) = step.deployment else { continue };
            let receipt = api.finished(id, DRAINED_WITHIN).await?.receipt;
            unharmed &=
                receipt.as_ref().is_some_and(|receipt| receipt.failed == 0 && receipt.cut == 0);
            step.receipt = receipt;
        }
        let live: BTreeMap<_, _> = api.service().await?.live;
        let live: Vec<u32> = live.into_keys().map(|version| version.0).collect();
        self.check("no request failed", load.failed == 0);
        self.check("no connection was closed on a visitor", load.closed == 0);
        self.check("only what was live answered", load.wrong_version == 0);
        self.check("versions 1 and 2 answered", load.answers.keys().eq(&[1, 2]));
        self.check("the receipts tell of nothing failed or cut", unharmed);
        self.check("version 1 is live in the end", live == [1]);
        Ok(Report {
            run: run.to_owned(),
            ok: self.checks.iter().all(|check| check.held),
            seconds: self.began.elapsed().as_secs_f64(),
            live,
            steps: self.steps,
            load,
            checks: self.checks,
        })
    }
}

fn receipt(
    deployment: Deployment,
) -> Option<(launcher_model::DeploymentId, launcher_model::route::Receipt)> {
    deployment.receipt.map(|receipt| (deployment.id, receipt))
}

/// The production hostname; every browser resolves it to this machine.
fn production() -> String {
    format!("{SERVICE}.localhost")
}

/// The service as it is before anything was pushed to it.
fn service() -> Result<ServiceSpec> {
    let text = checkout::settings(START_PERIOD);
    read("launcher.toml", &text).context("the shop's settings make no sense")
}

/// The host and port of a URL.
fn host_of(url: &str) -> Result<String> {
    let uri: http::Uri = url.parse().with_context(|| format!("{url} is not a URL"))?;
    let authority = uri.authority().with_context(|| format!("{url} names no host"))?;
    Ok(authority.to_string())
}

fn unknown(state: EnvironmentState) -> launcher_model::environment::Failure {
    launcher_model::environment::Failure { reason: format!("it is {state}"), log: Vec::new() }
}
