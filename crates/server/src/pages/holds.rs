//! The buttons that have a service's new requests wait, and let them go.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use launcher_model::{ServiceName, Span};
use serde::Deserialize;

use super::acts::{PATIENCE, sentence};
use super::error::PageError;
use super::flash::Flash;
use super::forms::{Carries, Signed};
use crate::App;
use crate::access::Note;
use crate::http::problem::Problem;
use crate::words::{count, micros};

/// What both buttons' forms carry.
#[derive(Debug, Deserialize)]
pub(super) struct HoldForm {
    form_secret: String,
    /// For how long at most, such as `30s`; the button that lets them go does not say.
    #[serde(default, rename = "for")]
    within: String,
}

impl Carries for HoldForm {
    fn form_secret(&self) -> &str {
        &self.form_secret
    }
}

type Named = Result<Path<ServiceName>, PathRejection>;

pub(super) async fn hold(
    State(app): State<App>,
    path: Named,
    note: Note,
    Signed(visitor, form): Signed<HoldForm>,
) -> Result<Response, PageError> {
    let service = known(path)?;
    let done = begin(&app, &service, &form.within, &visitor.name).await;
    Ok(back(&app, &service, &note, done))
}

pub(super) async fn release(
    State(app): State<App>,
    path: Named,
    note: Note,
    Signed(visitor, _): Signed<HoldForm>,
) -> Result<Response, PageError> {
    let service = known(path)?;
    let done = end(&app, &service, &visitor.name).await;
    Ok(back(&app, &service, &note, done))
}

fn known(path: Named) -> Result<ServiceName, PageError> {
    let Path(service) = path.map_err(|fault| {
        PageError::malformed(fault.status(), "There is no service of this name.")
    })?;
    Ok(service)
}

async fn begin(
    app: &App,
    service: &ServiceName,
    within: &str,
    by: &str,
) -> Result<String, Problem> {
    let within: Span = within.trim().parse().map_err(|_| {
        Problem::invalid(format!("{within:?} is no length of time; write one such as 30s"))
    })?;
    // Whoever presses twice wants it once.
    if app.control.hub().held(service).is_some() {
        return Ok(format!("the new requests of {service} are held already; nothing was changed"));
    }
    let holding = app.control.hold(service, within, by);
    let Ok(rested) = tokio::time::timeout(PATIENCE, holding).await else {
        return Ok(format!(
            "new requests are held, for at most {within}; some are still in flight"
        ));
    };
    let in_flight = if rested? { "nothing is in flight" } else { "some are still in flight" };
    Ok(format!("new requests are held, for at most {within}; {in_flight}"))
}

async fn end(app: &App, service: &ServiceName, by: &str) -> Result<String, Problem> {
    if app.control.hub().held(service).is_none() {
        return Ok(format!("no requests of {service} are held any more; nothing was changed"));
    }
    let outcome = app.control.release(service, by).await?;
    let requests = usize::try_from(outcome.requests).unwrap_or(usize::MAX);
    let waited = match requests {
        0 => "none had come".to_owned(),
        _ => {
            let requests = count(requests, "request", "requests");
            format!("{requests} had waited, the longest for {}", micros(outcome.longest_us))
        }
    };
    Ok(format!("the requests were let go: {waited}"))
}

/// Leads back to the service's page, which says what became of it.
fn back(app: &App, service: &ServiceName, note: &Note, done: Result<String, Problem>) -> Response {
    let flash = match done {
        Ok(text) => Flash::done(sentence(&text)),
        Err(problem) => {
            note.refused();
            Flash::refused(sentence(problem.detail()))
        }
    };
    let headers = [(header::SET_COOKIE, flash.cookie(&app.settings))];
    (headers, Redirect::to(&format!("/services/{service}"))).into_response()
}
