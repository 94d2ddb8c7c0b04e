//! The head of a request as HTTP/2 has it. It is made of the head that is written for HTTP/1.1, so that
//! there is one place in which it is decided what a container is told.

use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, Uri, Version};
use httparse::Status;

/// Reads a head that the edge itself has written. `None` when there is no such request of HTTP/2.
pub(super) fn of(head: &[u8]) -> Option<Request<()>> {
    let lines = head.iter().filter(|byte| **byte == b'\n').count();
    let mut places = vec![httparse::EMPTY_HEADER; lines];
    let mut parsed = httparse::Request::new(&mut places);
    let Ok(Status::Complete(_)) = parsed.parse(head) else { return None };
    let mut request = Request::new(());
    *request.version_mut() = Version::HTTP_2;
    *request.method_mut() = Method::from_bytes(parsed.method?.as_bytes()).ok()?;
    let mut host = None;
    let headers = request.headers_mut();
    headers.reserve(lines);
    for field in parsed.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
        match name {
            header::HOST => host = Some(field.value),
            // The body is not held back: who is not asked for it resets the stream.
            header::EXPECT => {}
            _ => {
                headers.append(name, HeaderValue::from_bytes(field.value).ok()?);
            }
        }
    }
    clean(headers);
    let uri = Uri::builder().scheme("http").authority(host?).path_and_query(parsed.path?);
    *request.uri_mut() = uri.build().ok()?;
    Some(request)
}

fn clean(headers: &mut HeaderMap) {
    crate::engine::http2::fields::clean(headers);
    // What an upgrade needs besides.
    for name in [header::SEC_WEBSOCKET_KEY, header::SEC_WEBSOCKET_VERSION] {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_of_http_1_1_is_one_of_http_2() {
        let head = b"POST /a?b HTTP/1.1\r\nhost: shop.test:81\r\nx-own: 1\r\nx-own: 2\r\nexpect: 100-continue\r\n\
            transfer-encoding: chunked\r\nconnection: te\r\nte: trailers\r\n\r\n";
        let request = of(head).unwrap();
        assert_eq!((request.method(), request.version()), (&Method::POST, Version::HTTP_2));
        assert_eq!(request.uri(), "http://shop.test:81/a?b");
        assert_eq!(request.headers().get_all("x-own").iter().count(), 2);
        assert_eq!(request.headers()["te"], "trailers");
        assert_eq!(request.headers().len(), 3, "{:?}", request.headers());
    }

    #[test]
    fn an_upgrade_is_a_plain_request() {
        let head = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
            sec-websocket-key: x\r\nsec-websocket-version: 13\r\n\r\n";
        assert!(of(head).unwrap().headers().is_empty());
        assert!(of(b"GET / HTTP/1.1\r\n\r\n").is_none() && of(b"GET").is_none());
    }
}
