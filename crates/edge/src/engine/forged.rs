//! Fields that a container could take for ones that the edge answers for.
//!
//! Many programs are told of fields as variables, in which `X-Forwarded-For` and `X_Forwarded_For` have one
//! name (RFC 3875 §4.1.18). What a client sends under the second would count as what the edge says under
//! the first.

use memchr::memchr;

use crate::compiled::Changes;

/// What the edge says of a request, or reads in it.
const OURS: [&str; 8] = [
    "content-length",
    "launcher-try",
    "proxy-connection",
    "transfer-encoding",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-prefix",
    "x-forwarded-proto",
];

/// Whether a field is one of the edge's own.
pub(super) fn is_ours(name: &str) -> bool {
    OURS.contains(&name)
}

/// Whether a client's field, whose name is in lower case, stands for one of the edge's, or for one that the
/// service's rules set or take away.
pub(super) fn is(name: &str, fields: Option<&Changes>) -> bool {
    // Hardly any has one.
    if memchr(b'_', name.as_bytes()).is_none() {
        return false;
    }
    let ruled = fields.into_iter().flat_map(Changes::names);
    OURS.into_iter().chain(ruled).any(|ours| stands_for(name, ours))
}

fn stands_for(name: &str, ours: &str) -> bool {
    let is = |(byte, of): (u8, u8)| byte == of || (byte == b'_' && of == b'-');
    name.len() == ours.len() && name.bytes().zip(ours.bytes()).all(is)
}

#[cfg(test)]
mod tests {
    use super::*;
    use launcher_model::service::FieldRules;

    #[test]
    fn underscores_hide_nothing() {
        for name in ["x_forwarded_for", "x-forwarded_for", "x_forwarded-proto", "content_length"] {
            assert!(is(name, None), "{name}");
        }
        for name in ["x-forwarded-for", "x_forwarded_fo", "my_field", "x__forwarded_for", "_"] {
            assert!(!is(name, None), "{name}");
        }
        let set = [("X-Environment-Name".to_owned(), "production".to_owned())].into();
        let rules = Changes::from(&FieldRules { set, remove: vec!["X-Debug-It".into()] });
        for name in ["x_environment_name", "x_debug-it"] {
            assert!(is(name, Some(&rules)) && !is(name, None), "{name}");
        }
    }
}
