//! What production answers while its service is being maintained.

use http::{HeaderMap, StatusCode, header};

use super::page::Page;
use crate::compiled::Site;

/// The answer to a production request of a service that is closed to its users. Whoever tries a version
/// passes, so that a team can look at its production before it opens it again.
pub(super) fn answer(site: &Site, headers: &HeaderMap) -> Option<Page> {
    let closed = site.closed_to(headers)?;
    let text = format!("Service {} is being maintained. Come back later.", site.name);
    let mut page = Page::new(StatusCode::SERVICE_UNAVAILABLE, text);
    if let Some(markup) = &closed.page {
        page = page.with_markup(markup.clone());
    }
    if let Some(after) = &closed.retry_after {
        page = page.with(header::RETRY_AFTER, after.clone());
    }
    Some(page)
}
