//! The buttons that switch traffic: deploy, roll back, and share out.

use std::time::Duration;

use launcher_control::{DeployRequest, Deployed, Error, Target, Underway};
use launcher_model::plan::shares;
use launcher_model::route::Route;
use launcher_model::{DeploymentId, ServiceName, Span, Weight};

use super::{Act, ActForm, PATIENCE, Place, sentence};
use crate::App;
use crate::http::problem::Problem;
use crate::pages::flash::Flash;
use crate::pages::view::deployment;

/// Where a press leads to the deployment's own page, which shows how it goes, that is not waited for as long.
const BRIEFLY: Duration = Duration::from_millis(300);

/// One press of such a button.
pub(super) struct Switch<'f> {
    pub(super) service: &'f ServiceName,
    pub(super) act: Act,
    pub(super) by: &'f str,
    pub(super) form: &'f ActForm,
}

/// What became of it.
pub(super) struct Switched {
    pub(super) flash: Flash,
    /// What it made, as far as it came to that.
    pub(super) deployment: Option<DeploymentId>,
}

impl Switched {
    /// No deployment came of it.
    pub(super) fn nothing(flash: Flash) -> Self {
        Self { flash, deployment: None }
    }

    fn done(text: impl Into<String>, deployment: DeploymentId) -> Self {
        Self { flash: Flash::done(text), deployment: Some(deployment) }
    }

    fn refused(problem: &Problem, deployment: Option<DeploymentId>) -> Self {
        Self { flash: Flash::refused(sentence(problem.detail())), deployment }
    }
}

impl Switch<'_> {
    /// Whether the route is what the press makes of it: then it was pressed twice, and the control plane says
    /// which deployment did it.
    pub(super) fn is_made(&self, route: &Route) -> bool {
        match self.target() {
            Ok(Target::Share(version, weight)) => {
                shares::with_share(&route.weights, version, weight)
                    .is_ok_and(|weights| weights == route.weights)
            }
            _ => route.is_live(self.form.version),
        }
    }

    pub(super) async fn carry_out(&self, app: &App) -> Switched {
        let begun = match self.request() {
            Ok(request) => app.control.begin_deploy(request).await,
            Err(problem) => return Switched::refused(&problem, None),
        };
        match begun {
            Ok(underway) => self.wait(underway).await,
            Err(Error::Busy(id)) => self.busy(app, id).await,
            Err(error) => Switched::refused(&error.into(), None),
        }
    }

    async fn wait(&self, underway: Underway) -> Switched {
        let id = underway.id;
        let patience = if self.form.from == Some(Place::Outlook) { BRIEFLY } else { PATIENCE };
        match tokio::time::timeout(patience, underway.ended()).await {
            Ok(Ok(deployed)) => Switched::done(self.told(&deployed), deployed.deployment.id),
            Ok(Err(error)) => Switched::refused(&error.into(), Some(id)),
            Err(_elapsed) => Switched::done(
                format!(
                    "{} is on its way: it goes live once every edge is ready for it. This page shows when.",
                    self.form.version
                ),
                id,
            ),
        }
    }

    /// Another deployment is under way; or this one, where it was pressed twice.
    async fn busy(&self, app: &App, id: DeploymentId) -> Switched {
        let refused = |problem: Problem| Switched::refused(&problem, None);
        let other = match app.store.deployment(id).await {
            Ok(other) => other,
            Err(error) => return refused(error.into()),
        };
        let version = self.form.version;
        match other.filter(|other| self.act != Act::Share && other.to == shares::all_to(version)) {
            Some(same) => Switched::done(
                format!("{version} is on its way already, by {}; nothing more was done.", same.by),
                id,
            ),
            None => refused(Error::Busy(id).into()),
        }
    }

    fn request(&self) -> Result<DeployRequest, Problem> {
        let form = self.form;
        Ok(DeployRequest {
            note: form.note.clone(),
            force: form.force,
            hold: held(form.hold.as_deref())?.map(Span::duration),
            seen: Some(form.generation),
            ..DeployRequest::new(self.service.clone(), self.target()?, self.by)
        })
    }

    fn target(&self) -> Result<Target, Problem> {
        let version = self.form.version;
        Ok(match self.act {
            Act::Rollback => Target::RollbackTo(version),
            Act::Share => Target::Share(version, self.form.share()?),
            _ => Target::Deploy(version),
        })
    }

    fn told(&self, deployed: &Deployed) -> String {
        let version = self.form.version;
        let whole = shares::whole(&deployed.deployment.to) == Some(version);
        let now = match deployed.deployment.to.get(&version) {
            Some(weight) if !whole => {
                format!("{version} has {} % of the traffic", weight.percent())
            }
            Some(_) => format!("{version} is live"),
            None => format!("{version} is not live any more"),
        };
        if !deployed.changed {
            return format!("{now} already; nothing was changed.");
        }
        let mut told = match &deployed.deployment.receipt {
            Some(receipt) => format!("{now}: {}.", deployment::switch(receipt)),
            None => format!("{now}."),
        };
        for warning in &deployed.warnings {
            told.push(' ');
            told.push_str(&sentence(warning));
        }
        told
    }
}

/// For how long new requests may be held around the flip; not at all where nothing is written.
fn held(text: Option<&str>) -> Result<Option<Span>, Problem> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    let span = text.parse().map_err(|_| {
        Problem::invalid(format!("{text:?} is no length of time to hold; write one such as 5s"))
    })?;
    Ok(Some(span))
}

impl ActForm {
    /// The share that was asked for. Without JavaScript the slider and the number beside it do not move each
    /// other: then the one counts that was changed.
    pub(in crate::pages) fn share(&self) -> Result<Weight, Problem> {
        let was = self.was.as_deref();
        let changed = |field: &Option<String>| {
            field.clone().filter(|value| !value.trim().is_empty() && Some(value.as_str()) != was)
        };
        let share = match (changed(&self.slider), changed(&self.weight)) {
            (Some(slider), Some(number)) if slider.trim() != number.trim() => {
                return Err(Problem::invalid(format!(
                    "the slider says {slider} %, and the number beside it {number} %: change one of them, or both alike"
                )));
            }
            (Some(share), _) | (None, Some(share)) => share,
            (None, None) => self.weight.clone().unwrap_or_default(),
        };
        let percent = share.trim().parse().ok().and_then(|percent| Weight::new(percent).ok());
        percent.ok_or_else(|| {
            Problem::invalid(format!("{share:?} is no share; write a whole number from 0 to 100"))
        })
    }
}
