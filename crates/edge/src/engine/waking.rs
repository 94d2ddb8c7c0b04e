//! Environments that nobody looked at are stopped. A request for one has it started, and waits for it.

use std::pin::pin;
use std::time::Duration;

use http::header::{self, HeaderValue};
use http::{Method, Request, StatusCode};
use launcher_model::{ServiceName, VersionNumber};
use tokio::time::Instant;

use super::common::Common;
use super::page::{Page, wants_html};
use crate::compiled::{Pool, Site};
use crate::table::{Rest, RestKind};

/// A person who waits before an empty page is shown so soon that it is on its way. The page asks again.
const PAGE_AFTER: Duration = Duration::from_secs(5);

/// How long a request waits for a control plane that is away: one that is restarted is back soon.
const CONTROL_WITHIN: Duration = Duration::from_secs(5);

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
    since: Instant,
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
            return Err(failed(&site.name, version));
        }
        let whole = Duration::from_millis(rest.within_ms);
        let within = if is_for_a_person(request) { whole.min(PAGE_AFTER) } else { whole };
        Ok(Self { service: site.name.clone(), version, within, since: Instant::now() })
    }

    /// Waits until the environment serves, and the request may be looked at again. Its place is given
    /// back when its client gives up.
    pub(super) async fn over(self, common: &Common) -> Result<(), Page> {
        let Self { service, version, within, since } = &self;
        let _place = common.wakes.wait(service, *version).ok_or_else(|| self.too_many())?;
        let until = *since + *within;
        loop {
            let mut changed = pin!(common.wakes.change());
            changed.as_mut().enable();
            let heard = common.wakes.is_heard();
            let table = common.table.load_full();
            let rest = table.service(service).and_then(|site| site.rest(*version));
            match rest.map(|rest| rest.kind) {
                None => return Ok(()),
                Some(RestKind::Failed) => return Err(failed(service, *version)),
                Some(RestKind::Asleep | RestKind::Starting) => {}
            }
            let patience = if heard { until } else { until.min(Instant::now() + CONTROL_WITHIN) };
            tokio::select! {
                () = changed => {}
                () = common.wakes.is_heard_or_not(!heard) => {}
                () = tokio::time::sleep_until(patience) => {
                    return Err(if heard { self.starting() } else { self.unheard() });
                }
            }
        }
    }

    fn starting(&self) -> Page {
        let text = format!(
            "Environment {} of service {} was stopped because nobody looked at it, and is being started. \
             This page asks again by itself.",
            self.version, self.service
        );
        again(text)
    }

    fn unheard(&self) -> Page {
        let text = format!(
            "Environment {} of service {} is stopped, and cannot be started now: the control plane is \
             away. This page asks again by itself.",
            self.version, self.service
        );
        again(text)
    }

    fn too_many(&self) -> Page {
        let text = format!(
            "Environment {} of service {} is being started, and too many requests wait for it. This page \
             asks again by itself.",
            self.version, self.service
        );
        again(text)
    }
}

/// A page that browsers ask for again.
fn again(text: String) -> Page {
    Page::new(StatusCode::SERVICE_UNAVAILABLE, text)
        .with(header::RETRY_AFTER, HeaderValue::from_static("2"))
        .with(header::REFRESH, HeaderValue::from_static("2"))
}

fn failed(service: &ServiceName, version: VersionNumber) -> Page {
    let text = format!(
        "Environment {version} of service {service} has failed: it could not be started. \
         `launcher status {service}` says why; the next push to its branch replaces it."
    );
    Page::new(StatusCode::SERVICE_UNAVAILABLE, text)
}

/// Whether it is a browser that shows what it gets to somebody.
fn is_for_a_person<B>(request: &Request<B>) -> bool {
    let accept = request.headers().get(header::ACCEPT);
    matches!(*request.method(), Method::GET | Method::HEAD) && accept.is_some_and(wants_html)
}
