//! What a service wants of HTTPS: that others are led to it (RFC 9110 §15.4.9), and that browsers remember
//! (RFC 6797).

use http::header::{self, HeaderValue};
use http::{Request, StatusCode};

use super::client::Client;
use super::page::Page;
use crate::compiled::Site;

/// The answer to a production request that came by HTTP, where its service wants HTTPS. An edge that speaks
/// none would lead its clients nowhere, and leads them not.
pub(super) fn redirect<B>(
    client: &Client,
    site: &Site,
    host: &str,
    request: &Request<B>,
) -> Option<Page> {
    if client.secure || !site.tls.redirect {
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
pub(super) fn to_remember(client: &Client, site: &Site) -> Option<HeaderValue> {
    site.tls.hsts.clone().filter(|_| client.secure)
}
