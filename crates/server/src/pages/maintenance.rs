//! The buttons that close a service to its users and open it again.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use launcher_control::{MaintainRequest, Maintained};
use launcher_model::ServiceName;
use serde::Deserialize;

use super::acts::{PATIENCE, sentence};
use super::error::PageError;
use super::flash::Flash;
use super::forms::{Carries, Signed};
use crate::App;
use crate::access::Note;
use crate::http::problem::Problem;

/// What a button's form carries.
#[derive(Debug, Deserialize)]
pub(super) struct MaintenanceForm {
    form_secret: String,
    /// Since when the service was closed on the page that was pressed on, in microseconds; nothing when it
    /// was open: then the button closes it.
    #[serde(default)]
    seen: Option<i64>,
    /// The page before it was seen: closing takes something away from users.
    #[serde(default)]
    sure: bool,
}

impl Carries for MaintenanceForm {
    fn form_secret(&self) -> &str {
        &self.form_secret
    }
}

pub(super) async fn press(
    State(app): State<App>,
    path: Result<Path<ServiceName>, PathRejection>,
    note: Note,
    Signed(visitor, form): Signed<MaintenanceForm>,
) -> Result<Response, PageError> {
    let Path(service) = path.map_err(|fault| {
        PageError::malformed(fault.status(), "There is no service of this name.")
    })?;
    if form.seen.is_none() && !form.sure {
        note.refused();
        return Ok(Redirect::to(&format!("/services/{service}/maintenance")).into_response());
    }
    let flash = match carry_out(&app, &service, form.seen, &visitor.name).await {
        Ok(flash) => flash,
        Err(problem) => Flash::refused(sentence(problem.detail())),
    };
    if !flash.done {
        note.refused();
    }
    let headers = [(header::SET_COOKIE, flash.cookie(&app.settings))];
    Ok((headers, Redirect::to(&format!("/services/{service}"))).into_response())
}

/// Does what the button meant when its page was shown, or says why that is nothing any more.
async fn carry_out(
    app: &App,
    service: &ServiceName,
    seen: Option<i64>,
    by: &str,
) -> Result<Flash, Problem> {
    let on = app.store.maintenance(service).await?.on;
    match (seen, on) {
        (None, Some(on)) => Ok(Flash::done(format!(
            "{service} is in maintenance already, by {}; nothing was changed.",
            on.by
        ))),
        (None, None) => {
            let closing = app.control.maintain(service, MaintainRequest::default(), by);
            told(&format!("{service} is in maintenance"), closing).await
        }
        (Some(_), None) => {
            Ok(Flash::done(format!("{service} is open already; nothing was changed.")))
        }
        (Some(seen), Some(on)) if seen != on.since.as_microsecond() => Ok(Flash::refused(format!(
            "{service} was opened and closed again since your page was loaded, by {}. Nothing was done; look again, and press once more if you still mean it.",
            on.by
        ))),
        (Some(_), Some(_)) => {
            let opening = app.control.reopen(service, by);
            told(&format!("{service} is open again"), opening).await
        }
    }
}

async fn told(
    does: &str,
    changing: impl Future<Output = launcher_control::Result<Maintained>>,
) -> Result<Flash, Problem> {
    let Ok(done) = tokio::time::timeout(PATIENCE, changing).await else {
        let text =
            format!("{does} once every edge has acknowledged it, which takes longer than usual.");
        return Ok(Flash::done(text));
    };
    let missing = done?.edges.into_iter().filter_map(|(edge, told)| {
        told.err().map(|why| format!("{edge} has not acknowledged it: {why}"))
    });
    let missing: Vec<String> = missing.collect();
    if missing.is_empty() {
        return Ok(Flash::done(format!("{does}.")));
    }
    Ok(Flash::refused(format!("{does}, but {}.", missing.join("; "))))
}
