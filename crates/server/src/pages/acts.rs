//! What the buttons do: each is a form that says what its page showed, and leads to a page that says what
//! became of it.

mod switch;

use std::time::Duration;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Redirect, Response};
use launcher_control::Started;
use launcher_model::{Generation, ServiceName, VersionNumber};
use serde::Deserialize;

use super::error::PageError;
use super::flash::Flash;
use super::forms::{Carries, Signed};
use super::sure;
use super::view::deployment;
use super::visitor::Visitor;
use crate::App;
use crate::access::Note;
use crate::http::problem::Problem;
use switch::{Switch, Switched};

/// A press is answered by then; what takes longer goes on, and the page shows how it goes.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// What a button does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Act {
    Deploy,
    Rollback,
    /// Gives the version a share of the traffic.
    Share,
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
    /// The page before it was seen.
    #[serde(default)]
    sure: bool,
    /// Why, for the history.
    #[serde(default)]
    note: Option<String>,
    /// For how long new requests may be held around the flip, such as `5s`.
    #[serde(default)]
    hold: Option<String>,
    /// The share that the page showed, as it is written.
    #[serde(default)]
    was: Option<String>,
    /// The share that the slider says.
    #[serde(default)]
    slider: Option<String>,
    /// The share that the number beside it says.
    #[serde(default)]
    weight: Option<String>,
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
    /// The page that shows what it will do.
    Outlook,
}

impl ActForm {
    /// Whether whoever presses has seen what it does, and to what: on the page that shows it, on one that
    /// asks, or in the words that a script has shown.
    fn is_sure(&self) -> bool {
        self.sure || self.from == Some(Place::Outlook)
    }

    /// The version that it is about, and the route's generation that its page showed.
    pub(super) fn about(&self) -> (VersionNumber, Generation) {
        (self.version, self.generation)
    }
}

impl Carries for ActForm {
    fn form_secret(&self) -> &str {
        &self.form_secret
    }
}

pub(super) async fn act(
    State(app): State<App>,
    path: Result<Path<(ServiceName, Act)>, PathRejection>,
    note: Note,
    headers: HeaderMap,
    Signed(visitor, form): Signed<ActForm>,
) -> Result<Response, PageError> {
    let Path((service, act)) = path.map_err(|fault| {
        PageError::malformed(fault.status(), "There is no such button, or no such service.")
    })?;
    note.version(form.version);
    if act.asks_first() && !form.is_sure() {
        // Nothing is done before the page that says what would be.
        note.refused();
        return asked(&app, &service, act, &form, &visitor, &headers);
    }
    let pressed = Pressed { service: &service, act, by: &visitor.name, form: &form };
    let Switched { flash, deployment: made } = pressed.told(&app).await;
    let leads_to = match (form.from, made) {
        (Some(Place::Home), _) => "/".to_owned(),
        (Some(Place::Environment), _) => format!("/services/{service}/versions/{}", form.version.0),
        (Some(Place::Outlook), Some(id)) => deployment::path(&service, id),
        (Some(Place::Outlook), None) => {
            format!("/services/{service}/versions/{}/deploy", form.version.0)
        }
        (Some(Place::Service) | None, _) => format!("/services/{service}"),
    };
    if !flash.done {
        note.refused();
    }
    let headers = [(header::SET_COOKIE, flash.cookie(&app.settings))];
    Ok((headers, Redirect::to(&leads_to)).into_response())
}

/// The page before a press that changes production or takes something away.
fn asked(
    app: &App,
    service: &ServiceName,
    act: Act,
    form: &ActForm,
    visitor: &Visitor,
    headers: &HeaderMap,
) -> Result<Response, PageError> {
    let version = form.version.0;
    let page = match act {
        Act::Share => return sure::share(app, service, form, visitor, headers),
        Act::Deploy => format!("/services/{service}/versions/{version}/deploy"),
        _ => format!("/services/{service}/versions/{version}/sure/{}", act.name()),
    };
    Ok(Redirect::to(&page).into_response())
}

/// One press.
struct Pressed<'f> {
    service: &'f ServiceName,
    act: Act,
    by: &'f str,
    form: &'f ActForm,
}

impl Pressed<'_> {
    /// What became of it.
    async fn told(&self, app: &App) -> Switched {
        match self.stale(app).await {
            Ok(None) => self.carry_out(app).await,
            Ok(Some(why)) => Switched::nothing(Flash::refused(why)),
            Err(problem) => Switched::nothing(Flash::refused(sentence(problem.detail()))),
        }
    }

    fn switch(&self) -> Switch<'_> {
        Switch { service: self.service, act: self.act, by: self.by, form: self.form }
    }

    /// Why a press does not mean any more what it meant when the page was shown.
    async fn stale(&self, app: &App) -> Result<Option<String>, Problem> {
        let route = app.store.route(self.service).await?;
        // Pressed twice, the second press finds that its version is live: the control plane says so.
        let pressed_twice = self.act.switches() && self.switch().is_made(&route);
        if route.generation == self.form.generation || pressed_twice {
            return Ok(None);
        }
        let live: Vec<String> = route.live().map(|version| version.to_string()).collect();
        let live = if live.is_empty() { "nothing".to_owned() } else { live.join(" and ") };
        Ok(Some(format!(
            "{} was switched since your page was loaded: {live} is live now. Nothing was done; look again, and press once more if you still mean it.",
            self.service
        )))
    }

    async fn carry_out(&self, app: &App) -> Switched {
        let control = &app.control;
        let (service, version, by) = (self.service, self.form.version, self.by);
        let done = match self.act {
            Act::Deploy | Act::Rollback | Act::Share => return self.switch().carry_out(app).await,
            Act::Stop => control
                .stop(service, version, by)
                .await
                .map(|_| format!("{version} is being stopped; its containers are kept.")),
            Act::Start => {
                control.start_environment(service, version, by).await.map(|started| match started {
                    Started::Runs(_) => format!("{version} runs already."),
                    Started::Starts(_) => format!("{version} is being started."),
                })
            }
            Act::Destroy => control
                .destroy(service, version, by)
                .await
                .map(|_| format!("{version} is being destroyed; its record stays.")),
            Act::Pin => control
                .pin(service, version, true, by)
                .await
                .map(|_| format!("{version} is pinned: it is kept until it is unpinned.")),
            Act::Unpin => control
                .pin(service, version, false, by)
                .await
                .map(|_| format!("{version} is not pinned any more.")),
        };
        Switched::nothing(match done {
            Ok(text) => Flash::done(text),
            Err(error) => Flash::refused(sentence(Problem::from(error).detail())),
        })
    }
}

impl Act {
    /// Whether a page is shown before it that names what changes. The way back is for when there is no time:
    /// it is one press.
    fn asks_first(self) -> bool {
        matches!(self, Self::Deploy | Self::Share | Self::Stop | Self::Destroy)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Rollback => "rollback",
            Self::Share => "share",
            Self::Stop => "stop",
            Self::Start => "start",
            Self::Destroy => "destroy",
            Self::Pin => "pin",
            Self::Unpin => "unpin",
        }
    }

    fn switches(self) -> bool {
        matches!(self, Self::Deploy | Self::Rollback | Self::Share)
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
