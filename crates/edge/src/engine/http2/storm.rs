//! Clients that take back what they ask for as fast as they ask for it (CVE-2023-44487): each request
//! costs the edge and a container something, and the client nothing, as none of them counts among those
//! that may be under way.

use std::time::Duration;

/// A request that is taken back within this time, and before it is answered, has been for nothing.
pub(super) const EARLY: Duration = Duration::from_secs(1);

/// So many requests are looked at together.
const TOGETHER: u32 = 400;

/// What has become of a connection's last requests.
#[derive(Debug, Default)]
pub(super) struct Storm {
    ended: u32,
    taken_back: u32,
}

impl Storm {
    /// Notes that a request has ended, perhaps taken back early. Says whether most are.
    pub(super) fn is_one(&mut self, taken_back: bool) -> bool {
        self.ended += 1;
        self.taken_back += u32::from(taken_back);
        if self.ended < TOGETHER {
            return false;
        }
        let is_one = self.taken_back > self.ended / 2;
        // What has been weighs less and less.
        (self.ended, self.taken_back) = (self.ended / 2, self.taken_back / 2);
        is_one
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends_after(taken_back: impl Fn(u32) -> bool) -> Option<u32> {
        let mut storm = Storm::default();
        (1..10_000).find(|n| storm.is_one(taken_back(*n)))
    }

    #[test]
    fn who_takes_back_most_of_it_is_found_out() {
        assert_eq!(ends_after(|_| true), Some(TOGETHER));
        assert_eq!(ends_after(|n| n % 4 != 0), Some(TOGETHER));
        assert_eq!(ends_after(|n| n % 2 == 0), None);
        assert_eq!(ends_after(|_| false), None);
        // Nor does a good beginning help for long.
        assert!(ends_after(|n| n > 5_000).unwrap() < 6_000);
    }
}
