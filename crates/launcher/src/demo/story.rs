//! What is shown, in its order.

mod acts;

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use launcher_model::route::Receipt;
use launcher_model::{DeploymentId, Span};

use super::Stage;
use super::checkout::{Checkout, Remote};
use super::image::{Base, Recipe};
use super::installation::Up;
use super::load::Load;
use super::report::{Check, Report, Step};
use super::show::Show;
use super::{engine, orphans, show};

/// What a visitor can go on with.
#[derive(Debug)]
pub(super) struct Told {
    /// The numbers.
    pub(super) report: Report,
    /// The link that signs in once.
    pub(super) login: String,
}

/// Shows it all.
///
/// # Errors
/// When it cannot go on.
pub(super) async fn tell(stage: &mut Stage, show: &Show) -> Result<Told> {
    let mut story =
        Story { show, began: Instant::now(), steps: Vec::new(), checks: Vec::new(), load: None };
    let Up { api, login, remote } = story.start(stage).await?;
    let shop = story.write_shop(stage, &remote).await?;
    let report = story.play(&api, stage, &shop).await?;
    Ok(Told { report, login })
}

/// How far it has come.
struct Story<'a> {
    show: &'a Show,
    began: Instant,
    steps: Vec<Step>,
    checks: Vec<Check>,
    load: Option<Load>,
}

/// A step that is under way.
struct Begun {
    step: String,
    at: Instant,
    counts: (u64, u64, u64),
}

/// What came of a step.
struct Outcome {
    text: String,
    took: Duration,
    deployment: Option<(DeploymentId, Receipt)>,
}

impl Outcome {
    fn new(text: impl Into<String>, took: Duration) -> Self {
        Self { text: text.into(), took, deployment: None }
    }
}

impl Story<'_> {
    fn begin(&self, step: impl Into<String>) -> Begun {
        let step = step.into();
        self.show.begin(&step);
        Begun { step, at: Instant::now(), counts: self.counts() }
    }

    fn end(&mut self, begun: Begun, outcome: Outcome) {
        let (requests, failed, closed) = self.counts();
        let (deployment, receipt) = outcome.deployment.unzip();
        self.steps.push(Step {
            step: begun.step,
            outcome: outcome.text,
            seconds: outcome.took.as_secs_f64(),
            under_load: self.load.is_some(),
            requests: requests - begun.counts.0,
            failed: failed - begun.counts.1,
            closed: closed - begun.counts.2,
            deployment,
            receipt,
        });
    }

    fn counts(&self) -> (u64, u64, u64) {
        self.load.as_ref().map(|load| load.seen().counts()).unwrap_or_default()
    }

    fn check(&mut self, check: impl Into<String>, held: bool) {
        self.checks.push(Check { check: check.into(), held });
    }

    /// A repository with this program in it, as the shop.
    async fn write_shop(&mut self, stage: &Stage, remote: &Remote) -> Result<Shop> {
        let begun = self.begin("write a small shop");
        let labels = vec![
            (engine::RUN.to_owned(), stage.run.clone()),
            (engine::OWNER.to_owned(), orphans::this_process()),
        ];
        let place = stage.installation.as_ref().context("server and edge were not started")?;
        let checkout = Checkout::make(place.checkout(), &Base::read().await?, remote).await?;
        let took = begun.at.elapsed();
        self.show.done("a small shop is written, in a git repository of its own", took);
        self.end(begun, Outcome::new("written", took));
        Ok(Shop { checkout, labels })
    }

    /// Server and edge.
    async fn start(&mut self, stage: &mut Stage) -> Result<Up> {
        let begun = self.begin("start server and edge");
        let installation = stage.install()?;
        let up = installation.wait().await?;
        let took = begun.at.elapsed();
        let page = installation.page;
        self.show.done(&format!("server and edge are up, with a page at http://{page}/"), took);
        self.end(begun, Outcome::new("up", took));
        Ok(up)
    }
}

/// The application that is shown.
struct Shop {
    checkout: Checkout,
    labels: Vec<(String, String)>,
}

impl Shop {
    /// Commits its next version.
    async fn commit(&self, version: u32, env: &[(&str, &str)], start: Span) -> Result<()> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let recipe = Recipe {
            tag: String::new(),
            version: version.to_string(),
            env: env.iter().map(owned).collect(),
            labels: self.labels.clone(),
        };
        self.checkout.commit(&recipe, start).await
    }
}

/// A receipt's switch time as people read it.
fn switched(receipt: &Receipt) -> String {
    format!("switched in {}", show::text(Duration::from_micros(receipt.switch_us)))
}
