//! What a service wants of HTTPS: that others are led to it (RFC 9110 §15.4.9), and that browsers remember
//! (RFC 6797).

use std::sync::Arc;

use http::header::{self, HeaderValue};
use http::{HeaderMap, Request, StatusCode};

use super::client::Client;
use super::page::Page;
use crate::compiled::{Found, Site};

/// Where an authority asks whether a name leads here (RFC 8555 §8.3).
const ASKED_AT: &str = "/.well-known/acme-challenge/";

/// The answer to an authority's question. One that this installation has not caused is a container's.
pub(super) fn challenge<B>(client: &Client, request: &Request<B>) -> Option<Page> {
    let token = request.uri().path().strip_prefix(ASKED_AT)?;
    let challenges = client.worker.common.challenges.load();
    let answer = challenges.get(token)?;
    Some(Page::new(StatusCode::OK, answer.to_string()).alone())
}

/// The answer to a production request that came by HTTP, where its service wants HTTPS. An edge that speaks
/// none would lead its clients nowhere, and leads them not.
pub(super) fn redirect<B>(
    client: &Client,
    site: &Site,
    host: &str,
    request: &Request<B>,
) -> Option<Page> {
    if client.forwarding.is_secure() || !site.tls.redirect {
        return None;
    }
    let port = client.worker.common.tls.as_ref()?.port;
    let port = if port == 443 { String::new() } else { format!(":{port}") };
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    // `*`, and a query without a path.
    let slash = if target.starts_with('/') { "" } else { "/" };
    let target = if target == "*" { "" } else { target };
    let location = format!("https://{host}{port}{slash}{target}");
    let page = Page::new(StatusCode::PERMANENT_REDIRECT, format!("It is at {location}"));
    HeaderValue::try_from(location).ok().map(|location| page.with(header::LOCATION, location))
}

/// What browsers are told to remember, over HTTPS alone (RFC 6797 §7.2).
pub(super) fn to_remember(client: &Client, found: &Found<'_>) -> Option<Arc<HeaderValue>> {
    if !client.forwarding.is_secure() {
        return None;
    }
    match found {
        Found::Production(site)
        | Found::Preview(site, _)
        | Found::Resting(site, ..)
        | Found::NoSuchVersion(site, _) => site.tls.hsts.clone(),
        Found::Unknown => None,
    }
}

impl Client {
    /// Notes what the response is to tell browsers to remember of HTTPS.
    pub(super) fn remembers(&self, hsts: Option<Arc<HeaderValue>>) {
        self.hsts.set(hsts);
    }

    /// Tells them.
    pub(super) fn tell_to_remember(&self, headers: &mut HeaderMap) {
        if let Some(hsts) = self.hsts.take() {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::clone(&hsts));
        }
    }
}
