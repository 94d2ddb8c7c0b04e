//! Who did what: in parts, or all of it as a file.

use axum::Json as Answer;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use launcher_model::ServiceName;
use launcher_store::{AuditFilter, Outcome};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

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

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Format {
    /// Comma-separated values (RFC 4180), with a first line of names.
    Csv,
    /// A JSON object in each line.
    Ndjson,
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
        return Ok(file(app, filter, format));
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

/// So many are read at once.
const BATCH: u32 = 500;

/// All of it, read as it is sent.
fn file(app: App, filter: AuditFilter, format: Format) -> Response {
    let (kind, first) = match format {
        Format::Csv => ("text/csv; charset=utf-8; header=present", AuditView::CSV_HEAD.to_owned()),
        Format::Ndjson => ("application/x-ndjson", String::new()),
    };
    let filter = AuditFilter { limit: BATCH, ..filter };
    let parts = stream::try_unfold(Some((filter, first)), move |state| {
        let app = app.clone();
        async move {
            let Some((filter, mut text)) = state else { return Ok(None) };
            let entries = app.store.audited(&filter).await.map_err(std::io::Error::other)?;
            let oldest = entries.last().map(|entry| entry.id);
            let is_last = entries.len() < BATCH as usize;
            for entry in entries {
                let view = AuditView::from(entry);
                match format {
                    Format::Csv => text.push_str(&view.csv()),
                    Format::Ndjson => {
                        text.push_str(&serde_json::to_string(&view)?);
                        text.push('\n');
                    }
                }
            }
            let next = AuditFilter { before: oldest, ..filter };
            let state = (!is_last).then_some((next, String::new()));
            Ok::<_, std::io::Error>(Some((text, state)))
        }
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, Body::from_stream(parts)).into_response()
}
