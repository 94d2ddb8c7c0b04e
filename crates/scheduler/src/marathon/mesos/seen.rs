//! Agents that were there: a master of Mesos says no word of those that it has given up.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use launcher_model::container::{Host, Promised};

/// How long an agent is told as lost. One that was taken away on purpose is forgotten then, too.
const REMEMBERED: Duration = Duration::from_secs(60 * 60);

/// The agents that were told, and when.
#[derive(Debug, Default)]
pub(in crate::marathon) struct Agents(Mutex<BTreeMap<String, (Host, Instant)>>);

impl Agents {
    /// Adds those that were there before and are not told of any more, as hosts that cannot be used.
    pub(in crate::marathon) fn complete(&self, hosts: &mut Vec<Host>) {
        self.complete_at(hosts, Instant::now());
    }

    fn complete_at(&self, hosts: &mut Vec<Host>, now: Instant) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.extend(hosts.iter().map(|host| (host.name.clone(), (host.clone(), now))));
        known.retain(|_, (_, at)| now.saturating_duration_since(*at) < REMEMBERED);
        let is_lost = |(_, at): &&(Host, Instant)| *at < now;
        hosts.extend(known.values().filter(is_lost).map(|(host, _)| lost(host)));
    }
}

fn lost(host: &Host) -> Host {
    let trouble = "the master of Mesos has given it up, or it was taken away".to_owned();
    Host {
        running: 0,
        promised: Promised::default(),
        usable: false,
        trouble: Some(trouble),
        ..host.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str) -> Host {
        Host {
            name: name.to_owned(),
            address: "10.0.0.1".to_owned(),
            engine: "Mesos 1.11.0".to_owned(),
            cpus: 4,
            memory: 1 << 30,
            running: 3,
            promised: Promised::default(),
            labels: BTreeMap::new(),
            closed: false,
            usable: true,
            trouble: None,
        }
    }

    #[test]
    fn an_agent_that_mesos_has_given_up_is_told_for_an_hour() {
        let (agents, now) = (Agents::default(), Instant::now());
        let told = |names: &[&str], after: Duration| {
            let mut hosts: Vec<_> = names.iter().copied().map(host).collect();
            agents.complete_at(&mut hosts, now + after);
            hosts.into_iter().map(|host| (host.name, host.usable, host.running)).collect::<Vec<_>>()
        };
        let (a, b) = (("a".to_owned(), true, 3), ("b".to_owned(), true, 3));
        assert_eq!(told(&["a", "b"], Duration::ZERO), [a.clone(), b.clone()]);
        let lost = ("b".to_owned(), false, 0);
        assert_eq!(told(&["a"], REMEMBERED / 2), [a.clone(), lost]);
        assert_eq!(told(&["a"], REMEMBERED), std::slice::from_ref(&a));
        assert_eq!(told(&["b", "a"], REMEMBERED * 2), [b, a]);
    }
}
