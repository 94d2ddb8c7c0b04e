//! What certificates are ordered for, and when they are renewed.

use jiff::{SignedDuration, Timestamp};

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

/// So long before its end a certificate that others renew should have been.
const RENEWED_BEFORE: SignedDuration = SignedDuration::from_hours(21 * 24);

/// Whether a certificate that others renew is near its end, and should have been renewed: those that do so
/// begin with a third of its time left. Of one that counts for days only, a quarter is near.
#[must_use]
pub fn is_overdue(not_before: Timestamp, not_after: Timestamp, now: Timestamp) -> bool {
    let quarter = not_after.duration_since(not_before) / 4;
    not_after.duration_since(now) < RENEWED_BEFORE.min(quarter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_renew_is_overdue_three_weeks_before_its_end_or_in_its_last_quarter() {
        let day = |day: i64| Timestamp::from_second(day * 86_400).unwrap();
        for (lasts, now, overdue) in [
            (90, 68, false),
            (90, 70, true),
            (365, 343, false),
            (365, 345, true),
            (8, 5, false),
            (8, 7, true),
            (8, 9, true),
        ] {
            assert_eq!(is_overdue(day(0), day(lasts), day(now)), overdue, "{lasts} {now}");
        }
    }

    #[test]
    fn names_that_an_authority_can_find_are_taken() {
        let hosts =
            ["b.example.com", "shop.localhost", "localhost", "shop", "a.example.com", "10.0.0.1"];
        let hosts = hosts.map(str::to_owned);
        assert_eq!(names(&hosts), ["a.example.com", "b.example.com"]);
        assert!(names(&[]).is_empty());
    }
}
