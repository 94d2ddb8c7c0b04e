//! Words that may stand in a configuration.

use launcher_model::ServiceName;

/// The first line of every file.
pub(super) const BANNER: &str =
    "# Written by Rocket Launcher. What is changed here by hand is changed back.\n";

/// Something in the table that cannot be said to nginx.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("service {service} cannot be served by nginx: {what} {given:?} is not a hostname")]
pub(in crate::nginx) struct Unfit {
    service: ServiceName,
    what: &'static str,
    given: String,
}

/// Lets a hostname through as it is: letters, digits, `-` and dots (RFC 1123) mean nothing else to nginx.
pub(super) fn hostname<'h>(
    service: &ServiceName,
    what: &'static str,
    host: &'h str,
) -> Result<&'h str, Unfit> {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    if host.len() <= 253 && host.split('.').all(label) {
        return Ok(host);
    }
    let given = host.chars().take(80).collect();
    Err(Unfit { service: service.clone(), what, given })
}
