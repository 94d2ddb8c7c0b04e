//! What the buttons do: each is a form that says what its page showed, and leads back to a page that
//! says what became of it.

use std::time::Duration;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use launcher_control::{DeployRequest, Deployed, Started, Target};
use launcher_model::{Generation, ServiceName, VersionNumber};
use serde::Deserialize;

use super::error::PageError;
use super::flash::Flash;
use super::forms::{Carries, Signed};
use super::view::deployment;
use super::visitor::Visitor;
use crate::App;
use crate::access::Note;
use crate::http::problem::Problem;

/// A press is answered by then; what takes longer goes on, and the page shows how it goes.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// What a button does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Act {
    Deploy,
    Rollback,
    Stop,
    Start,
    Destroy,
    Pin,
    Unpin,
}

/// What a button's form carries.
#[derive(Debug, Deserialize)]
pub(super) struct ActForm {
    form_secret: String,
    version: VersionNumber,
    /// The route's generation that the page showed.
    generation: Generation,
    /// Also during a freeze.
    #[serde(default)]
    force: bool,
    /// Why, for the history.
    #[serde(default)]
    note: Option<String>,
    /// The page that it was pressed on, when that was not the service's own.
    #[serde(default)]
    from: Option<Place>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Place {
    Home,
    Service,
    /// The page of the environment that it is about.
    Environment,
}

impl Carries for ActForm {
    fn form_secret(&self) -> &str {
        &self.form_secret
    }
}

/// One press.
struct Press {
    service: ServiceName,
    act: Act,
    version: VersionNumber,
    by: String,
    /// The route's generation that the page showed.
    seen: Generation,
    force: bool,
    note: Option<String>,
}

pub(super) async fn act(
    State(app): State<App>,
    path: Result<Path<(ServiceName, Act)>, PathRejection>,
    note: Note,
    Signed(visitor, form): Signed<ActForm>,
) -> Result<Response, PageError> {
    let Path((service, act)) = path.map_err(|fault| {
        PageError::malformed(fault.status(), "There is no such button, or no such service.")
    })?;
    let back = match form.from {
        Some(Place::Home) => "/".to_owned(),
        Some(Place::Environment) => format!("/services/{service}/versions/{}", form.version.0),
        _ => format!("/services/{service}"),
    };
    note.version(form.version);
    let flash = told(&app, service, act, &visitor, &form).await;
    if !flash.done {
        note.refused();
    }
    let headers = [(header::SET_COOKIE, flash.cookie(&app.settings))];
    Ok((headers, Redirect::to(&back)).into_response())
}

/// What became of it, in a sentence.
async fn told(
    app: &App,
    service: ServiceName,
    act: Act,
    visitor: &Visitor,
    form: &ActForm,
) -> Flash {
    let by = visitor.name.clone();
    let (version, seen, note) = (form.version, form.generation, form.note.clone());
    let press = Press { service, act, version, by, seen, force: form.force, note };
    let done = match stale(app, &press).await {
        Ok(Some(why)) => return Flash::refused(why),
        Ok(None) => press.carry_out(app).await,
        Err(problem) => Err(problem),
    };
    match done {
        Ok(text) => Flash::done(text),
        Err(problem) => Flash::refused(sentence(problem.detail())),
    }
}

/// Why a press does not mean any more what it meant when the page was shown.
async fn stale(app: &App, press: &Press) -> Result<Option<String>, Problem> {
    let route = app.store.route(&press.service).await?;
    // Pressed twice, the second press finds that its version is live: the control plane says so.
    let pressed_twice = press.act.switches() && route.is_live(press.version);
    if route.generation == press.seen || pressed_twice {
        return Ok(None);
    }
    let live: Vec<String> = route.live().map(|version| version.to_string()).collect();
    let live = if live.is_empty() { "nothing".to_owned() } else { live.join(" and ") };
    Ok(Some(format!(
        "{} was switched since your page was loaded: {live} is live now. Nothing was done; look again, and press once more if you still mean it.",
        press.service
    )))
}

impl Act {
    fn switches(self) -> bool {
        matches!(self, Self::Deploy | Self::Rollback)
    }
}

impl Press {
    async fn carry_out(self, app: &App) -> Result<String, Problem> {
        let control = &app.control;
        let Self { service, act, version, by, .. } = &self;
        let version = *version;
        match act {
            Act::Deploy => self.switch(app, Target::Deploy(version)).await,
            Act::Rollback => self.switch(app, Target::RollbackTo(version)).await,
            Act::Stop => {
                control.stop(service, version, by).await?;
                Ok(format!("{version} is being stopped; its containers are kept."))
            }
            Act::Start => match control.start_environment(service, version, by).await? {
                Started::Runs(_) => Ok(format!("{version} runs already.")),
                Started::Starts(_) => Ok(format!("{version} is being started.")),
            },
            Act::Destroy => {
                control.destroy(service, version, by).await?;
                Ok(format!("{version} is being destroyed; its record stays."))
            }
            Act::Pin => {
                control.pin(service, version, true, by).await?;
                Ok(format!("{version} is pinned: it is kept until it is unpinned."))
            }
            Act::Unpin => {
                control.pin(service, version, false, by).await?;
                Ok(format!("{version} is not pinned any more."))
            }
        }
    }

    async fn switch(&self, app: &App, target: Target) -> Result<String, Problem> {
        let request = DeployRequest {
            note: self.note.clone(),
            force: self.force,
            seen: Some(self.seen),
            ..DeployRequest::new(self.service.clone(), target, &self.by)
        };
        let switching = app.control.deploy(request);
        match tokio::time::timeout(PATIENCE, switching).await {
            Ok(ended) => Ok(self.switched(&ended?)),
            Err(_elapsed) => Ok(format!(
                "{} is on its way: it goes live once every edge is ready for it. This page shows when.",
                self.version
            )),
        }
    }

    fn switched(&self, deployed: &Deployed) -> String {
        let version = self.version;
        if !deployed.changed {
            return format!("{version} is live already; nothing was changed.");
        }
        let mut told = match &deployed.deployment.receipt {
            Some(receipt) => format!("{version} is live: {}.", deployment::switch(receipt)),
            None => format!("{version} is live."),
        };
        for warning in &deployed.warnings {
            told.push(' ');
            told.push_str(&sentence(warning));
        }
        told
    }
}

/// A problem as a sentence.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    let mut sentence = first.unwrap_or_default() + letters.as_str();
    if !sentence.ends_with(['.', '?', '!']) {
        sentence.push('.');
    }
    sentence
}
