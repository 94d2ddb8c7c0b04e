//! Fields behind a request's body. Many programs join them with those of its head, so nothing may stand there that
//! the edge has looked at, or answers for, in the head.

use http::HeaderMap;
use http::header::{self, HeaderName};

use super::forged;
use crate::compiled::Changes;

/// What frames a message, leads it, says who asks or on which conditions: it is read before the body, or not at
/// all (RFC 9110 §6.5.1).
static EARLY: [HeaderName; 23] = [
    header::AUTHORIZATION,
    header::CACHE_CONTROL,
    header::CONNECTION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_RANGE,
    header::CONTENT_TYPE,
    header::COOKIE,
    header::EXPECT,
    header::FORWARDED,
    header::HOST,
    header::IF_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::IF_RANGE,
    header::IF_UNMODIFIED_SINCE,
    header::MAX_FORWARDS,
    header::PROXY_AUTHORIZATION,
    header::RANGE,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Takes out of a request's trailers what a container could take for a field of its head.
pub(super) fn clean(trailers: &mut HeaderMap, fields: Option<&Changes>) {
    let barred = |name: &&HeaderName| !may_trail(name, fields);
    let barred: Vec<HeaderName> = trailers.keys().filter(barred).cloned().collect();
    for name in barred {
        trailers.remove(name);
    }
}

fn may_trail(name: &HeaderName, fields: Option<&Changes>) -> bool {
    let barred = EARLY.contains(name)
        || name == "keep-alive"
        || forged::is_ours(name.as_str())
        || forged::is(name.as_str(), fields)
        || fields.is_some_and(|fields| fields.takes(name));
    !barred
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use launcher_model::service::FieldRules;

    #[test]
    fn what_the_head_says_is_not_said_behind_the_body() {
        let set = [("X-Environment".to_owned(), "production".to_owned())].into();
        let rules = Changes::from(&FieldRules { set, remove: vec!["X-Debug".into()] });
        let mut trailers = HeaderMap::new();
        for name in [
            "x-sum",
            "grpc-status",
            "my_field",
            "content-length",
            "transfer-encoding",
            "host",
            "authorization",
            "x-forwarded-for",
            "x_forwarded_for",
            "x-forwarded-proto",
            "launcher-try",
            "keep-alive",
            "x-environment",
            "x_environment",
            "x-debug",
        ] {
            trailers.append(HeaderName::from_static(name), HeaderValue::from_static("1"));
        }
        let names = |trailers: &HeaderMap| {
            let mut names: Vec<_> = trailers.keys().map(|name| name.as_str().to_owned()).collect();
            names.sort();
            names
        };
        let mut unruled = trailers.clone();
        clean(&mut trailers, Some(&rules));
        assert_eq!(names(&trailers), ["grpc-status", "my_field", "x-sum"]);
        clean(&mut unruled, None);
        let left =
            ["grpc-status", "my_field", "x-debug", "x-environment", "x-sum", "x_environment"];
        assert_eq!(names(&unruled), left);
    }
}
