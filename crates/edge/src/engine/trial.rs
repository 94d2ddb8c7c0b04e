//! Links that have a browser try a version on a production hostname.

use http::header::{self, HeaderValue};
use http::{Method, Request, StatusCode, Uri};

use super::page::Page;
use crate::compiled::Site;
use crate::table::TRY_PARAMETER;

/// The answer to a request that follows such a link: the browser gets the cookie, and goes on to the
/// same address without the parameter. Other methods than GET and HEAD are not sent elsewhere, since
/// they would lose their body.
pub(super) fn followed<B>(request: &Request<B>, site: &Site) -> Option<Page> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return None;
    }
    let named = named_by(request.uri())?;
    let location = HeaderValue::try_from(without_parameter(request.uri())).ok()?;
    let cookie = HeaderValue::try_from(site.try_cookie(named)).ok()?;
    let page = Page::new(StatusCode::FOUND, "The version that you try is remembered.");
    Some(page.with(header::LOCATION, location).with(header::SET_COOKIE, cookie))
}

fn named_by(uri: &Uri) -> Option<&str> {
    let query = uri.query().filter(|query| query.contains(TRY_PARAMETER))?;
    query.split('&').find_map(value)
}

/// The value of the parameter, if this is it.
fn value(pair: &str) -> Option<&str> {
    pair.strip_prefix(TRY_PARAMETER)?.strip_prefix('=')
}

/// The address on this host without the parameter. A path that begins with two slashes would lead to
/// another host (RFC 3986 §4.2), and browsers take a backslash for a slash.
fn without_parameter(uri: &Uri) -> String {
    let path = uri.path();
    let mut address = match path.as_bytes() {
        [b'/', b'/' | b'\\', ..] => format!("/.{path}"),
        _ => path.to_owned(),
    };
    let query = uri.query().unwrap_or_default();
    let mut mark = '?';
    for pair in query.split('&').filter(|pair| value(pair).is_none()) {
        address.push(mark);
        address.push_str(pair);
        mark = '&';
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parameter_is_taken_out_of_an_address() {
        for (uri, named, address) in [
            ("/?launcher-try=v2.x", Some("v2.x"), "/"),
            ("/a/b?launcher-try=v2.x&c=d&e", Some("v2.x"), "/a/b?c=d&e"),
            ("/?c=d&launcher-try=&launcher-try=v1", Some(""), "/?c=d"),
            ("http://shop.test?launcher-try=v2.x", Some("v2.x"), "/"),
            ("//other.test/?launcher-try=v2.x", Some("v2.x"), "/.//other.test/"),
            ("/\\other.test?launcher-try=v2.x", Some("v2.x"), "/./\\other.test"),
            ("/?launcher-trying=v2.x", None, "/?launcher-trying=v2.x"),
            ("/?launcher-try", None, "/?launcher-try"),
            ("/launcher-try=v2", None, "/launcher-try=v2?"),
        ] {
            let parsed: Uri = uri.parse().unwrap();
            assert_eq!(named_by(&parsed), named, "{uri}");
            if named.is_some() {
                assert_eq!(without_parameter(&parsed), address, "{uri}");
            }
        }
    }
}
