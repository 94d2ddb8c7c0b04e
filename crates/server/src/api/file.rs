//! A list as a file: all of it, read as it is sent.

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::views::Csv;

/// So many are read at once.
pub(super) const BATCH: u32 = 500;

/// The form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Format {
    /// Comma-separated values (RFC 4180), with a first line of names.
    Csv,
    /// A JSON object in each line.
    Ndjson,
}

impl Format {
    /// Its media type, and how names of such files end.
    fn kind(self) -> (&'static str, &'static str) {
        match self {
            Self::Csv => ("text/csv; charset=utf-8; header=present", "csv"),
            Self::Ndjson => ("application/x-ndjson", "ndjson"),
        }
    }

    /// What stands before all lines.
    fn head<T: Csv>(self) -> String {
        match self {
            Self::Csv => T::csv_head(),
            Self::Ndjson => String::new(),
        }
    }

    fn line<T: Csv + Serialize>(self, item: &T) -> serde_json::Result<String> {
        match self {
            Self::Csv => Ok(item.csv()),
            Self::Ndjson => Ok(serde_json::to_string(item)? + "\n"),
        }
    }
}

/// All of a list, as a file of this name. `read` gives at most [`BATCH`] of it that come behind an item: an id, or none for the first of
/// all; `id` tells that of an item.
pub(super) fn file<T, F>(
    name: &str,
    format: Format,
    id: fn(&T) -> i64,
    read: impl Fn(Option<i64>) -> F + Clone + Send + 'static,
) -> Response
where
    T: Csv + Serialize + Send + 'static,
    F: Future<Output = launcher_store::Result<Vec<T>>> + Send,
{
    let parts = stream::try_unfold(Some((None, format.head::<T>())), move |state| {
        let read = read.clone();
        async move {
            let Some((behind, mut text)) = state else { return Ok(None) };
            let items = read(behind).await.map_err(std::io::Error::other)?;
            for item in &items {
                text.push_str(&format.line(item)?);
            }
            let last = items.last().map(id).filter(|_| items.len() >= BATCH as usize);
            let next = last.map(|last| (Some(last), String::new()));
            Ok::<_, std::io::Error>(Some((text, next)))
        }
    });
    let (media_type, ending) = format.kind();
    let headers = [
        (header::CONTENT_TYPE, media_type.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}.{ending}\"")),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    (headers, Body::from_stream(parts)).into_response()
}
