//! Who did what: in parts, or all of it as a file.

use axum::Json as Answer;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use launcher_model::ServiceName;
use launcher_store::{AuditFilter, Outcome};
use serde::Deserialize;
use utoipa::IntoParams;

use super::file::{BATCH, Format, file};
use super::views::AuditView;
use crate::App;
use crate::http::extract::Query;
use crate::http::moment::span;
use crate::http::page::{Page, PageQuery};
use crate::http::problem::Problem;

/// Which calls, and in which form.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditQuery {
    /// Only of this person or token.
    who: Option<String>,
    /// Only about this service.
    #[param(value_type = Option<String>)]
    service: Option<ServiceName>,
    /// Only with these outcomes, separated by commas: `done`, `refused`, `failed`, `broken_off`.
    kind: Option<String>,
    /// From when on: `-7d`, seconds since 1970, a time of RFC 3339, or a day or time in UTC. `from` is the
    /// same.
    #[serde(alias = "from")]
    since: Option<String>,
    /// Until when, likewise.
    to: Option<String>,
    /// As a file with all of them; a list in parts when nothing is said.
    #[param(inline)]
    format: Option<Format>,
    /// `next` of the part before; nothing for the first.
    cursor: Option<String>,
    /// At most so many, 1 to 500; 50 when nothing is said.
    limit: Option<u32>,
}

/// Lists who did what, newest first: each call that might have changed something, what was refused and
/// sign-ins too. With `format` all of it comes as a file.
#[utoipa::path(get, path = "/audit", tag = "people", params(AuditQuery),
    responses((status = 200, body = Page<AuditView>,
        description = "The list; or with `format` a file of CSV or NDJSON"),
        (status = "4XX", body = Problem)))]
pub(super) async fn list(
    State(app): State<App>,
    Query(query): Query<AuditQuery>,
) -> Result<Response, Problem> {
    let page = PageQuery { cursor: query.cursor, limit: query.limit };
    let limit = page.limit()?;
    let (since, until) = span(query.since.as_deref(), query.to.as_deref(), app.now())?;
    let filter = AuditFilter {
        who: query.who,
        service: query.service,
        outcomes: outcomes(query.kind.as_deref().unwrap_or_default())?,
        since,
        until,
        before: page.before()?,
        limit: limit + 1,
    };
    if let Some(format) = query.format {
        let id = |entry: &AuditView| entry.id;
        return Ok(file("audit", format, id, move |behind| {
            let (app, filter) = (app.clone(), filter.clone());
            let before = behind.or(filter.before);
            async move {
                let filter = AuditFilter { before, limit: BATCH, ..filter };
                let entries = app.store.audited(&filter).await?;
                Ok(entries.into_iter().map(AuditView::from).collect())
            }
        }));
    }
    let entries = app.store.audited(&filter).await?;
    let views = entries.into_iter().map(AuditView::from).collect();
    Ok(Answer(Page::part(views, limit, |last: &AuditView| last.id.to_string())).into_response())
}

/// Outcomes as a query has them: `refused,failed`.
///
/// # Errors
/// When one is none.
pub(crate) fn outcomes(text: &str) -> Result<Vec<Outcome>, Problem> {
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    let read = names.map(|name| {
        serde_json::from_value(name.into()).map_err(|_| {
            let shown: String = name.chars().take(40).collect();
            Problem::invalid(format!(
                "{shown:?} is no outcome of a call: there are done, refused, failed and broken_off"
            ))
        })
    });
    read.collect()
}
