//! Agents' names, and the addresses that they mean here.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;

/// How long an address is remembered.
const KEPT: Duration = Duration::from_secs(60);
/// How long it is remembered that there is none.
const MISSED: Duration = Duration::from_secs(5);
/// How long a name server may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// What names mean.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    known: Mutex<HashMap<String, Known>>,
    /// What Mesos says, for names that mean nothing here.
    told: Mutex<HashMap<String, IpAddr>>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    address: Option<IpAddr>,
    until: Instant,
}

impl Addresses {
    /// The addresses of these hosts, as far as there are any.
    pub(super) async fn of(&self, hosts: HashSet<&str>) -> HashMap<String, IpAddr> {
        let found =
            join_all(hosts.into_iter().map(async |host| (host, self.one(host).await))).await;
        found.into_iter().filter_map(|(host, address)| Some((host.to_owned(), address?))).collect()
    }

    /// Takes over what Mesos says of its agents.
    pub(super) fn tell(&self, agents: HashMap<String, IpAddr>) {
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = agents;
    }

    async fn one(&self, host: &str) -> Option<IpAddr> {
        if let Ok(address) = host.parse() {
            return Some(address);
        }
        if let Some(known) = self.known(host) {
            return known.address;
        }
        let address = match look_up(host).await {
            Some(address) => Some(address),
            None => self.told.lock().unwrap_or_else(PoisonError::into_inner).get(host).copied(),
        };
        if address.is_none() {
            tracing::warn!(%host, "an agent's name means no address here: its containers get no requests");
        }
        let until = Instant::now() + if address.is_some() { KEPT } else { MISSED };
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(host.to_owned(), Known { address, until });
        address
    }

    fn known(&self, host: &str) -> Option<Known> {
        let all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(host).filter(|known| known.until > Instant::now()).copied()
    }
}

/// IPv4 before IPv6: Docker publishes ports of bridged containers on the former everywhere.
async fn look_up(host: &str) -> Option<IpAddr> {
    let found =
        tokio::time::timeout(PATIENCE, tokio::net::lookup_host((host, 0))).await.ok()?.ok()?;
    let all: Vec<_> = found.map(|address| address.ip()).collect();
    all.iter().find(|ip| ip.is_ipv4()).or(all.first()).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn names_are_looked_up_here_before_mesos_is_believed() {
        let addresses = Addresses::default();
        let agents = [("localhost", "10.0.0.9"), ("agent.invalid", "10.0.0.7")];
        addresses.tell(agents.map(|(n, ip)| (n.to_owned(), ip.parse().unwrap())).into());
        let hosts = ["127.0.0.5", "localhost", "agent.invalid", "nowhere.invalid"];
        let found = addresses.of(hosts.into()).await;
        assert_eq!(found["127.0.0.5"].to_string(), "127.0.0.5");
        assert!(found["localhost"].is_loopback());
        assert_eq!(found["agent.invalid"].to_string(), "10.0.0.7");
        assert!(!found.contains_key("nowhere.invalid"));
    }
}
