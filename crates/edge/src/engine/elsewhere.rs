//! Requests that a rule of their service takes elsewhere.

use std::sync::Arc;

use http::header::{self, HeaderValue};
use http::{Request, StatusCode};
use launcher_model::service::RequestPath;

use super::page::Page;
use crate::compiled::{Found, Led, Site, Table};

/// The way of a request that another service answers than the one that its host leads to.
pub(super) struct ByPath<'t> {
    site: &'t Site,
    rule: &'t Led,
    target: Option<String>,
}

/// What a container is sent of a request whose path has been stripped.
pub(super) struct Stripped {
    /// The target of the request that it sees.
    pub(super) target: String,
    /// The path that was taken away.
    pub(super) prefix: Arc<str>,
}

/// Where a request goes by the rules of the service that its host has led to: redirects first, then paths.
pub(super) fn follow<'t, B>(
    found: Found<'t>,
    table: &'t Table,
    host: &str,
    request: &Request<B>,
) -> Result<(Found<'t>, Option<ByPath<'t>>), Page> {
    let (Found::Production(site) | Found::Preview(site, _) | Found::Resting(site, ..)) = &found
    else {
        return Ok((found, None));
    };
    let Some(elsewhere) = &site.elsewhere else { return Ok((found, None)) };
    let uri = request.uri();
    let path = RequestPath::read(uri.path()).map_err(|unreadable| {
        let text = format!(
            "This request cannot be compared with the rules of service {}: {unreadable}.",
            site.name
        );
        Page::new(StatusCode::BAD_REQUEST, text)
    })?;
    if let Some((status, location)) = elsewhere.redirect(host, &path, uri.query()) {
        return Err(moved(status, location));
    }
    let Some(rule) = elsewhere.led(&path) else { return Ok((found, None)) };
    let target = rule.below(&path, uri.query());
    let by_path = ByPath { site, rule, target };
    match table.service(&rule.service) {
        Some(other) => Ok((Found::Production(other), Some(by_path))),
        None => Err(by_path.leads_nowhere("which this edge does not know")),
    }
}

fn moved(status: StatusCode, location: String) -> Page {
    let page = Page::new(status, format!("It is at {location}"));
    match HeaderValue::try_from(location) {
        Ok(location) => page.with(header::LOCATION, location),
        Err(_) => Page::new(StatusCode::BAD_REQUEST, "This address cannot be sent elsewhere."),
    }
}

impl ByPath<'_> {
    /// The answer when there is nobody to answer there.
    pub(super) fn leads_nowhere(&self, why: &str) -> Page {
        let (service, rule) = (&self.site.name, self.rule);
        let text = format!(
            "{} of service {service} is answered by service {}, {why}.",
            rule.prefix, rule.service
        );
        Page::new(StatusCode::SERVICE_UNAVAILABLE, text)
    }

    /// What the container is sent, when that is something else than came.
    pub(super) fn stripped(self) -> Option<Box<Stripped>> {
        let prefix = self.rule.prefix.clone();
        self.target.map(|target| Box::new(Stripped { target, prefix }))
    }
}
