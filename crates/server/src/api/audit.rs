//! Who did what: in parts, or all of it as a file.

use axum::Json as Answer;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use jiff::Timestamp;
use launcher_model::ServiceName;
use launcher_store::AuditFilter;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::views::AuditView;
use crate::App;
use crate::http::extract::Query;
use crate::http::page::{Page, PageQuery};
use crate::http::problem::Problem;
use crate::measured::time;

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
    /// From when on: `-7d`, seconds since 1970, or a time of RFC 3339.
    since: Option<String>,
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
    let filter = AuditFilter {
        who: query.who,
        service: query.service,
        since: query.since.map(|since| moment(&since, app.now())).transpose()?,
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

fn moment(text: &str, now: Timestamp) -> Result<Timestamp, Problem> {
    let second = time(text, now.as_second())?;
    Timestamp::from_second(second)
        .map_err(|_| Problem::invalid(format!("since is {text}: that is no time")))
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
