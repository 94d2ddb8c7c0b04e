//! A request as it comes by HTTP/2, made the same as one by HTTP/1: its host is a field, and its target a
//! path. What could be understood in two ways, once it is HTTP/1, is refused.
//!
//! The fields themselves are looked at before by the crate that reads them: pseudo-header fields, those
//! of one connection, characters of names and values, and that a body is as long as was said.

use bytes::Bytes;
use h2::RecvStream;
use h2::ext::Protocol;
use http::header::{self, HeaderMap, HeaderValue};
use http::uri::PathAndQuery;
use http::{Method, Request, StatusCode, Uri};

use super::body::{Incoming, Respond};
use super::websocket::Asked;
use crate::engine::page::Page;
use crate::engine::request_body::RequestBody;
use crate::engine::worker::Worker;

/// A request that may go its way.
pub(super) struct Taken {
    pub(super) request: Request<RequestBody>,
    /// It asks for a WebSocket.
    pub(super) websocket: Option<Asked>,
}

/// Takes a request, whose body may be asked for by `respond`.
pub(super) fn take(
    request: Request<RecvStream>,
    respond: &Respond,
    worker: &Worker,
) -> Result<Taken, Page> {
    let (mut parts, stream) = request.into_parts();
    let uri = std::mem::take(&mut parts.uri);
    set_host(&uri, &mut parts.headers)?;
    join_cookies(&mut parts.headers)?;
    parts.uri = target(uri);
    if let Some(protocol) = parts.extensions.remove::<Protocol>() {
        if protocol.as_str() != "websocket" {
            let text = "The edge carries no other protocol over HTTP/2 than WebSocket.";
            return Err(Page::new(StatusCode::NOT_IMPLEMENTED, text));
        }
        parts.method = Method::GET;
        let websocket = Asked::new(&mut parts.headers, stream, worker);
        let request = Request::from_parts(parts, RequestBody::None);
        return Ok(Taken { request, websocket: Some(websocket) });
    }
    let expects = parts.headers.get(header::EXPECT);
    let asks = expects.filter(|expects| expects.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    let asks = asks.map(|_| respond.clone());
    let body = RequestBody::Http2(Incoming::new(stream, length(&parts.headers), asks));
    Ok(Taken { request: Request::from_parts(parts, body), websocket: None })
}

/// Makes the host that a request is for its one Host field. One that names two is for neither
/// (RFC 9113 §8.3.1).
fn set_host(uri: &Uri, headers: &mut HeaderMap) -> Result<(), Page> {
    let Some(authority) = uri.authority() else { return Ok(()) };
    if authority.as_str().contains('@') {
        return Err(bad("The :authority of a request names a host, and nobody on it."));
    }
    let same =
        |host: &HeaderValue| host.as_bytes().eq_ignore_ascii_case(authority.as_str().as_bytes());
    if !headers.get_all(header::HOST).iter().all(same) {
        return Err(bad("This request names one host in :authority and another one in Host."));
    }
    let host = HeaderValue::from_str(authority.as_str());
    headers.insert(header::HOST, host.map_err(|_| bad("The :authority names no host."))?);
    Ok(())
}

/// A client may send its cookies one by one, which HTTP/1 does not know (RFC 9113 §8.2.3).
fn join_cookies(headers: &mut HeaderMap) -> Result<(), Page> {
    let mut cookies = headers.get_all(header::COOKIE).iter();
    let (Some(first), Some(second)) = (cookies.next(), cookies.next()) else { return Ok(()) };
    let mut joined = first.as_bytes().to_vec();
    for cookie in std::iter::once(second).chain(cookies) {
        joined.extend_from_slice(b"; ");
        joined.extend_from_slice(cookie.as_bytes());
    }
    let joined = HeaderValue::from_maybe_shared(Bytes::from(joined));
    headers.insert(header::COOKIE, joined.map_err(|_| bad("Its cookies cannot be joined."))?);
    Ok(())
}

/// The target in the form that HTTP/1 has it. One that has no path is left to whoever looks for that.
fn target(uri: Uri) -> Uri {
    let path = uri.into_parts().path_and_query;
    Uri::from(path.unwrap_or_else(|| PathAndQuery::from_static("/")))
}

fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn bad(text: &str) -> Page {
    Page::new(StatusCode::BAD_REQUEST, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host_of(uri: &str, hosts: &[&'static str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(header::HOST, HeaderValue::from_static(host));
        }
        set_host(&uri.parse().unwrap(), &mut headers).ok()?;
        let all: Vec<_> = headers.get_all(header::HOST).iter().collect();
        assert!(all.len() < 2, "{all:?}");
        Some(all.first().map_or_else(String::new, |host| host.to_str().unwrap().to_owned()))
    }

    #[test]
    fn a_request_is_for_one_host() {
        for (uri, hosts, is_for) in [
            ("http://a.test/", &[][..], Some("a.test")),
            ("http://a.test:81/", &["A.test:81"], Some("a.test:81")),
            ("http://a.test/", &["b.test"], None),
            ("http://a.test/", &["a.test:80"], None),
            ("http://a.test/", &["a.test", "b.test"], None),
            ("http://me@a.test/", &[], None),
            ("/", &["a.test"], Some("a.test")),
            ("/", &[], Some("")),
        ] {
            assert_eq!(host_of(uri, hosts).as_deref(), is_for, "{uri} {hosts:?}");
        }
    }

    #[test]
    fn cookies_are_joined() {
        for (sent, joined) in [
            (&["a=1"][..], &["a=1"][..]),
            (&["a=1", "b=2", "c=3; d=4"], &["a=1; b=2; c=3; d=4"]),
            (&[], &[]),
        ] {
            let mut headers = HeaderMap::new();
            for cookie in sent {
                headers.append(header::COOKIE, HeaderValue::from_static(cookie));
            }
            join_cookies(&mut headers).unwrap();
            assert!(headers.get_all(header::COOKIE).iter().eq(joined), "{headers:?}");
        }
    }

    #[test]
    fn a_target_is_a_path() {
        for (uri, path) in [
            ("http://a.test/b?c", "/b?c"),
            ("http://a.test", "/"),
            ("*", "*"),
            ("http://a.test?c", "/?c"),
        ] {
            let target = target(uri.parse().unwrap());
            assert_eq!(target.to_string(), path);
            assert!(target.authority().is_none());
        }
    }
}
