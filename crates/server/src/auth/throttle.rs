//! Slows guessing down: so many failed sign-ins a minute from one address, and for one name.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

const WINDOW: SignedDuration = SignedDuration::from_mins(1);
const FAILURES: u32 = 10;
/// As many are remembered before old ones are looked for and forgotten.
const REMEMBERED: usize = 1024;

/// What is counted for itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Address(Option<IpAddr>),
    Name(String),
}

/// Sign-ins that failed, or are under way.
#[derive(Default)]
pub(crate) struct Throttle(Mutex<HashMap<Key, Failures>>);

struct Failures {
    since: Timestamp,
    count: u32,
}

/// A sign-in that counts as failed unless it [succeeds](Attempt::succeeded): many that are sent at once are no
/// way around the count.
#[must_use]
pub(crate) struct Attempt<'t> {
    throttle: &'t Throttle,
    keys: Vec<Key>,
}

impl Throttle {
    /// Begins a sign-in from an address, for a name where there is one; none when either has failed too often.
    pub(crate) fn attempt(
        &self,
        from: Option<IpAddr>,
        name: Option<&str>,
        now: Timestamp,
    ) -> Option<Attempt<'_>> {
        let name = name.map(|name| Key::Name(name.to_owned()));
        let keys: Vec<Key> = [Key::Address(from.map(network))].into_iter().chain(name).collect();
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= REMEMBERED {
            failures.retain(|_, known| recent(known, now));
        }
        let is_shut = |key: &Key| {
            let known = failures.get(key);
            known.is_some_and(|known| known.count >= FAILURES && recent(known, now))
        };
        if keys.iter().any(is_shut) {
            return None;
        }
        for key in &keys {
            let known = failures.entry(key.clone()).or_insert(Failures { since: now, count: 0 });
            if !recent(known, now) {
                *known = Failures { since: now, count: 0 };
            }
            known.count += 1;
        }
        Some(Attempt { throttle: self, keys })
    }
}

impl Attempt<'_> {
    /// It did not fail.
    pub(crate) fn succeeded(self) {
        let mut failures = self.throttle.0.lock().unwrap_or_else(PoisonError::into_inner);
        for key in &self.keys {
            if let Some(known) = failures.get_mut(key) {
                known.count = known.count.saturating_sub(1);
            }
        }
    }
}

fn recent(failures: &Failures, now: Timestamp) -> bool {
    // A clock that was set back must not shut anybody out for longer.
    (SignedDuration::ZERO..WINDOW).contains(&now.duration_since(failures.since))
}

/// One who has an IPv6 address has 2^64 of them.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let network = u128::from(address) >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from(network))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails(throttle: &Throttle, from: Option<IpAddr>, name: Option<&str>, at: Timestamp) -> bool {
        throttle.attempt(from, name, at).is_some()
    }

    #[test]
    fn an_address_that_fails_too_often_waits_for_a_minute() {
        let throttle = Throttle::default();
        let (one, other) = (Some(IpAddr::from([192, 0, 2, 1])), Some(IpAddr::from([192, 0, 2, 2])));
        let start = Timestamp::UNIX_EPOCH;
        for _ in 0..FAILURES {
            assert!(fails(&throttle, one, None, start));
        }
        let shut = |from, at| throttle.attempt(from, None, at).is_none();
        assert!(shut(one, start + SignedDuration::from_secs(59)));
        assert!(!shut(other, start));
        assert!(!shut(one, start + WINDOW));
        assert!(!shut(one, start - SignedDuration::from_secs(1)), "the clock was set back");
    }

    #[test]
    fn the_addresses_of_one_network_count_together() {
        let throttle = Throttle::default();
        for last in 0..10 {
            let address = Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, last);
            assert!(fails(&throttle, Some(address.into()), None, Timestamp::UNIX_EPOCH));
        }
        let another = Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0xffff, 0, 0, 1);
        assert!(!fails(&throttle, Some(another.into()), None, Timestamp::UNIX_EPOCH));
        let elsewhere = Ipv6Addr::new(0x2001, 0xdb8, 0, 2, 0, 0, 0, 1);
        assert!(fails(&throttle, Some(elsewhere.into()), None, Timestamp::UNIX_EPOCH));
    }

    #[test]
    fn a_name_is_guessed_at_from_many_addresses_no_more_than_from_one() {
        let throttle = Throttle::default();
        let start = Timestamp::UNIX_EPOCH;
        for last in 0..10 {
            let from = Some(IpAddr::from([192, 0, 2, last]));
            assert!(fails(&throttle, from, Some("mika"), start));
        }
        let from = Some(IpAddr::from([192, 0, 2, 77]));
        assert!(!fails(&throttle, from, Some("mika"), start));
        assert!(fails(&throttle, from, Some("anna"), start));
    }

    #[test]
    fn who_signs_in_is_not_counted() {
        let throttle = Throttle::default();
        for _ in 0..3 * FAILURES {
            let attempt = throttle.attempt(None, Some("mika"), Timestamp::UNIX_EPOCH);
            assert!(attempt.map(Attempt::succeeded).is_some());
        }
    }
}
