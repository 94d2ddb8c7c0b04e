//! What certificates are ordered for, and when they are renewed.

use jiff::Timestamp;

/// The names of a service that an authority can be asked about: those that it can find. Sorted, each once.
#[must_use]
pub fn names(hosts: &[String]) -> Vec<String> {
    let mut names: Vec<String> = hosts.iter().filter(|host| can_be_found(host)).cloned().collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Names without a dot, addresses and those that are kept for machines themselves lead elsewhere from each
/// place (RFC 6761 §6.3).
fn can_be_found(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    let is_address = last.bytes().all(|byte| byte.is_ascii_digit()) || host.contains(':');
    host.contains('.') && !host.contains('*') && last != "localhost" && !is_address
}

/// When a certificate that counts from then until then is renewed: when it has had two thirds of its time.
#[must_use]
pub fn renewal(not_before: Timestamp, not_after: Timestamp) -> Timestamp {
    let (from, until) = (not_before.as_second(), not_after.as_second());
    let at = from.saturating_add(until.saturating_sub(from).max(0) / 3 * 2);
    Timestamp::from_second(at).unwrap_or(not_after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_an_authority_can_find_are_taken() {
        let hosts =
            ["b.example.com", "shop.localhost", "localhost", "shop", "a.example.com", "10.0.0.1"];
        let hosts = hosts.map(str::to_owned);
        assert_eq!(names(&hosts), ["a.example.com", "b.example.com"]);
        assert!(names(&[]).is_empty());
    }
}
