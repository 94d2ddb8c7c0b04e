//! Which server to try, and when.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use tokio::time::Instant;

use super::{ForwardOptions, Server};

pub(super) struct Servers {
    all: Vec<Attempts>,
    backoff: ExponentialBuilder,
}

struct Attempts {
    server: Server,
    /// It is left alone until then; none when it has not failed.
    until: Option<Instant>,
    waits: ExponentialBackoff,
    /// It was told that it does not answer.
    told: bool,
}

impl Servers {
    pub(super) fn new(options: &ForwardOptions) -> Self {
        let backoff = ExponentialBuilder::new()
            .with_min_delay(options.retry)
            .with_max_delay(options.retry_most)
            .without_max_times()
            .with_jitter();
        let all = options.servers.iter().map(|server| Attempts {
            server: server.clone(),
            until: None,
            waits: backoff.build(),
            told: false,
        });
        Self { all: all.collect(), backoff }
    }

    pub(super) fn get(&self, index: usize) -> &Server {
        &self.all[index].server
    }

    /// The first that is not to be left alone now.
    pub(super) fn next(&self, now: Instant) -> Option<usize> {
        self.all.iter().position(|one| one.until.is_none_or(|until| until <= now))
    }

    /// When one of those before this one is to be tried; none when there is none.
    pub(super) fn next_before(&self, index: usize) -> Option<Instant> {
        self.all[..index].iter().map(|one| one.until.unwrap_or_else(Instant::now)).min()
    }

    /// When the first of all is to be tried.
    pub(super) fn next_of_all(&self) -> Instant {
        self.next_before(self.all.len()).unwrap_or_else(Instant::now)
    }

    /// It has failed, and is left alone for a while. Returns whether that is news.
    pub(super) fn fail(&mut self, index: usize, now: Instant) -> bool {
        let one = &mut self.all[index];
        let wait = one.waits.next().unwrap_or(Duration::from_secs(30));
        one.until = Some(now + wait);
        !std::mem::replace(&mut one.told, true)
    }

    /// It has taken something. Returns whether that is news.
    pub(super) fn succeed(&mut self, index: usize) -> bool {
        let one = &mut self.all[index];
        if one.until.is_none() {
            return false;
        }
        one.until = None;
        one.waits = self.backoff.build();
        std::mem::take(&mut one.told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_has_not_failed_is_tried_and_one_that_fails_waits_longer() {
        let servers = vec![Server::at("one", 1), Server::at("two", 2)];
        let mut servers = Servers::new(&ForwardOptions::new(servers, "unused"));
        let now = Instant::now();
        assert_eq!(servers.next(now), Some(0));
        assert!(servers.fail(0, now));
        assert_eq!(servers.next(now), Some(1));
        assert!(servers.fail(1, now));
        assert_eq!(servers.next(now), None);
        let first = servers.next_before(1).unwrap() - now;
        assert!(!servers.fail(0, now));
        let second = servers.next_before(1).unwrap() - now;
        assert!(first >= Duration::from_millis(200) && second >= Duration::from_millis(400));
        for _ in 0..20 {
            servers.fail(0, now);
        }
        assert!(servers.next_before(1).unwrap() - now <= Duration::from_secs(60));
        assert!(servers.succeed(0) && !servers.succeed(0));
        assert_eq!(servers.next(now), Some(0));
    }
}
