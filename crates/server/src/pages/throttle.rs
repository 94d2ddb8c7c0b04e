//! Slows guessing down: so many failed sign-ins a minute from one address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

const WINDOW: SignedDuration = SignedDuration::from_mins(1);
const FAILURES: u32 = 10;
/// As many addresses as are remembered before old ones are looked for and forgotten.
const REMEMBERED: usize = 1024;

/// Failed sign-ins by address.
#[derive(Default)]
pub(super) struct Throttle(Mutex<HashMap<Option<IpAddr>, Failures>>);

struct Failures {
    since: Timestamp,
    count: u32,
}

impl Throttle {
    /// Whether this address has failed too often.
    pub(super) fn is_shut(&self, from: Option<IpAddr>, now: Timestamp) -> bool {
        let failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = failures.get(&from.map(network));
        known.is_some_and(|known| known.count >= FAILURES && recent(known, now))
    }

    /// Counts a failed sign-in.
    pub(super) fn failed(&self, from: Option<IpAddr>, now: Timestamp) {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= REMEMBERED {
            failures.retain(|_, known| recent(known, now));
        }
        let known = failures.entry(from.map(network)).or_insert(Failures { since: now, count: 0 });
        if !recent(known, now) {
            *known = Failures { since: now, count: 0 };
        }
        known.count += 1;
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

    #[test]
    fn an_address_that_fails_too_often_waits_for_a_minute() {
        let throttle = Throttle::default();
        let (one, other) = (Some(IpAddr::from([192, 0, 2, 1])), Some(IpAddr::from([192, 0, 2, 2])));
        let start = Timestamp::UNIX_EPOCH;
        for _ in 0..FAILURES {
            assert!(!throttle.is_shut(one, start));
            throttle.failed(one, start);
        }
        assert!(throttle.is_shut(one, start + SignedDuration::from_secs(59)));
        assert!(!throttle.is_shut(other, start));
        assert!(!throttle.is_shut(one, start + WINDOW));
        assert!(
            !throttle.is_shut(one, start - SignedDuration::from_secs(1)),
            "the clock was set back"
        );
    }

    #[test]
    fn the_addresses_of_one_network_count_together() {
        let throttle = Throttle::default();
        for last in 0..10 {
            let address = Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, last);
            throttle.failed(Some(address.into()), Timestamp::UNIX_EPOCH);
        }
        let another = Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0xffff, 0, 0, 1);
        assert!(throttle.is_shut(Some(another.into()), Timestamp::UNIX_EPOCH));
        let elsewhere = Ipv6Addr::new(0x2001, 0xdb8, 0, 2, 0, 0, 0, 1);
        assert!(!throttle.is_shut(Some(elsewhere.into()), Timestamp::UNIX_EPOCH));
    }
}
