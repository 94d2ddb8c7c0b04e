//! Fields that HTTP/1.1 has and HTTP/2 has not (RFC 9113 §8.2.2).

use http::HeaderMap;
use http::header::{self, HeaderName};

/// What says how one connection is used, or how one message is framed on it.
static OF_ONE_HOP: [HeaderName; 5] = [
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Takes out of a message's fields what is for one connection alone.
pub(in crate::engine) fn clean(headers: &mut HeaderMap) {
    for name in &OF_ONE_HOP {
        headers.remove(name);
    }
}

/// Takes out of trailers what would be read too late, or as something else (RFC 9110 §6.5.1).
pub(in crate::engine) fn clean_trailers(trailers: &mut HeaderMap) {
    clean(trailers);
    for name in [header::CONTENT_LENGTH, header::HOST, header::TE, header::TRAILER] {
        trailers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn what_is_for_one_connection_goes() {
        let mut headers = HeaderMap::new();
        for name in ["connection", "keep-alive", "upgrade", "grpc-status", "host", "content-length"]
        {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static("1"));
        }
        clean(&mut headers);
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["content-length", "grpc-status", "host"]);
        clean_trailers(&mut headers);
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["grpc-status"]);
    }
}
