//! Environments that nobody looked at are stopped. A request for one has it started, and waits for it.

use std::time::Duration;

use http::header::{self, HeaderValue};
use http::{Method, Request, StatusCode};
use launcher_model::{ServiceName, VersionNumber};

use super::common::Common;
use super::page::{Page, wants_html};
use crate::compiled::{Pool, Site};
use crate::table::{Rest, RestKind};
use crate::wakes::{AGAIN_AFTER, PAGE_AFTER, Unserved};

/// Notes that a request is for a preview, where the control plane wants to know.
pub(super) fn looked(common: &Common, site: &Site, pool: &Pool) {
    if let Some(branches) = &site.branches
        && branches.is_watched(pool.version)
    {
        common.looks.note(&pool.stats.looked);
    }
}

/// A request for an environment that does not serve now.
pub(super) struct Waking {
    service: ServiceName,
    version: VersionNumber,
    within: Duration,
}

impl Waking {
    /// One that may wait; or the answer to one that would wait in vain.
    pub(super) fn of<B>(
        site: &Site,
        version: VersionNumber,
        rest: Rest,
        request: &Request<B>,
    ) -> Result<Self, Page> {
        if rest.kind == RestKind::Failed {
            return Err(page(Unserved::Failed, &site.name, version));
        }
        let whole = Duration::from_millis(rest.within_ms);
        let within = if is_for_a_person(request) { whole.min(PAGE_AFTER) } else { whole };
        Ok(Self { service: site.name.clone(), version, within })
    }

    /// Waits until the environment serves, and the request may be looked at again. Its place is given
    /// back when its client gives up.
    pub(super) async fn over(self, common: &Common) -> Result<(), Page> {
        let Self { service, version, within } = self;
        let rest = || {
            let table = common.table.load();
            table.service(&service)?.rest(version).map(|rest| rest.kind)
        };
        let waited = common.wakes.until_it_serves(&service, version, within, rest).await;
        waited.map_err(|why| page(why, &service, version))
    }
}

/// The answer to a request that has waited in vain. Browsers ask for it again where that may help.
fn page(why: Unserved, service: &ServiceName, version: VersionNumber) -> Page {
    let page = Page::new(StatusCode::SERVICE_UNAVAILABLE, why.text(service, version));
    if !why.may_serve_soon() {
        return page;
    }
    let after = HeaderValue::from_static(AGAIN_AFTER);
    page.with(header::RETRY_AFTER, after.clone()).with(header::REFRESH, after)
}

/// Whether it is a browser that shows what it gets to somebody.
fn is_for_a_person<B>(request: &Request<B>) -> bool {
    let accept = request.headers().get(header::ACCEPT);
    matches!(*request.method(), Method::GET | Method::HEAD) && accept.is_some_and(wants_html)
}
