//! The hosts, as the Mesos beneath Marathon tells them.

pub(super) mod seen;
pub mod statistics;
pub(super) mod wire;

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};

use launcher_model::container::{Host, Promised};
use reqwest::header::{CONTENT_TYPE, LOCATION};
use reqwest::{Response, StatusCode, Url};
use serde::de::DeserializeOwned;

use self::wire::{Agent, Agents};
use super::Engine;
use super::client::innermost;
use super::wire::whole;
use crate::{Error, Result};

/// The longest answer that is read, in bytes.
const LONGEST: usize = 64 << 20;
/// How often a master may send on: to the one that leads, and once more while that changes.
const HOPS: usize = 3;
/// What agents can that the master can close (Mesos 1.9 and later).
const DRAINING: &str = "AGENT_DRAINING";

impl Engine {
    /// All agents, those that cannot be used included.
    pub(super) async fn hosts(&self) -> Result<Vec<Host>> {
        let agents = self.agents().await?;
        let running = self.running().await;
        let back = agents.slaves.iter().map(|agent| host(agent, &running, false));
        let missing = agents.recovered_slaves.iter().map(|agent| host(agent, &running, true));
        let mut hosts: Vec<_> = back.chain(missing).collect();
        self.agents.complete(&mut hosts);
        hosts.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(hosts)
    }

    async fn agents(&self) -> Result<Agents> {
        let agents: Agents = self.ask_mesos("/master/slaves", "looking at hosts").await?;
        let known = agents.slaves.iter().filter_map(|agent| {
            let address = address(&agent.pid)?.ip();
            Some((agent.hostname.clone(), address))
        });
        self.addresses.tell(known.collect::<HashMap<String, IpAddr>>());
        Ok(agents)
    }

    /// How many tasks run on each agent, by its id. Older masters do not say.
    async fn running(&self) -> HashMap<String, u32> {
        let told: Result<Agents> = self.ask_mesos("/master/state-summary", "counting tasks").await;
        let agents = told.unwrap_or_default().slaves.into_iter();
        agents.map(|agent| (agent.id, agent.running)).collect()
    }

    /// Tells the master that an agent takes nothing new, or takes it again. What runs there stays.
    pub(super) async fn set_closed(&self, name: &str, closed: bool) -> Result<()> {
        const DOING: &str = "closing a host";
        let agents = self.agents().await?;
        let found = agents.slaves.iter().find(|agent| agent.hostname == name);
        let Some(agent) = found else {
            let why = format!("Mesos has no agent {name}");
            return Err(Error::Refused { doing: DOING, why });
        };
        if is_closed(agent) == closed {
            return Ok(());
        }
        if !agent.capabilities.iter().any(|capability| capability == DRAINING) {
            let what = "close a host: that needs Mesos 1.9";
            return Err(Error::Unsupported { engine: "Marathon", what });
        }
        let id = serde_json::json!({ "agent_id": { "value": agent.id } });
        let body = if closed {
            serde_json::json!({ "type": "DEACTIVATE_AGENT", "deactivate_agent": id })
        } else {
            serde_json::json!({ "type": "REACTIVATE_AGENT", "reactivate_agent": id })
        };
        let answer = self.send_to_mesos("/api/v1", DOING, Some(body.to_string())).await?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            status => Err(Error::Refused { doing: DOING, why: format!("Mesos answers {status}") }),
        }
    }

    async fn ask_mesos<T: DeserializeOwned>(&self, path: &str, doing: &'static str) -> Result<T> {
        let mut response = self.send_to_mesos(path, doing, None).await?;
        if !response.status().is_success() {
            let why = format!("Mesos answers {}", response.status());
            return Err(Error::Refused { doing, why });
        }
        let mut body = Vec::new();
        let broken = |error: &reqwest::Error| self.client.unreachable(doing, innermost(error));
        while let Some(piece) = response.chunk().await.map_err(|error| broken(&error))? {
            if body.len() + piece.len() > LONGEST {
                let why = format!("Mesos answers with more than {} MiB", LONGEST >> 20);
                return Err(Error::Refused { doing, why });
            }
            body.extend_from_slice(&piece);
        }
        serde_json::from_slice(&body).map_err(|error| {
            let why = format!("what answers is no master of Mesos: {error}");
            Error::Refused { doing, why }
        })
    }

    /// The answer of the first master that there is. No login is given: none is known.
    async fn send_to_mesos(
        &self,
        path: &str,
        doing: &'static str,
        body: Option<String>,
    ) -> Result<Response> {
        let mut why = String::new();
        for master in self.masters_of_mesos().await? {
            let Ok(url) = master.join(path) else { continue };
            match self.hop(url, body.as_deref()).await {
                Ok(response) if response.status() == StatusCode::SERVICE_UNAVAILABLE => {
                    why = format!("{master} knows of no leader");
                }
                Ok(response) => return Ok(response),
                Err(words) => why = format!("{master}: {words}"),
            }
        }
        let engine = "Mesos".to_owned();
        Err(Error::Unreachable { engine, doing, why })
    }

    /// Follows a master that does not lead: it answers 307 with an address that has no scheme.
    async fn hop(&self, mut url: Url, body: Option<&str>) -> std::result::Result<Response, String> {
        for _ in 0..HOPS {
            let request = match body {
                None => self.mesos_http.get(url.clone()),
                Some(body) => {
                    let request = self.mesos_http.post(url.clone());
                    request.header(CONTENT_TYPE, "application/json").body(body.to_owned())
                }
            };
            let response = request.send().await.map_err(|error| innermost(&error))?;
            if !response.status().is_redirection() {
                return Ok(response);
            }
            let place = response.headers().get(LOCATION).and_then(|place| place.to_str().ok());
            url = place
                .and_then(|place| url.join(place).ok())
                .ok_or_else(|| "it sends on without saying where to".to_owned())?;
        }
        Err("its masters send to each other".to_owned())
    }

    /// What the configuration names, or else what Marathon does.
    async fn masters_of_mesos(&self) -> Result<Vec<Url>> {
        if !self.mesos.is_empty() {
            return Ok(self.mesos.clone());
        }
        let info = self.info().await?;
        let told = [&info.mesos_ui, &info.mesos_master];
        let urls: Vec<_> = told.into_iter().flatten().filter_map(|told| master_url(told)).collect();
        if urls.is_empty() {
            let why = "Marathon does not say where Mesos is: name its masters with mesos in [marathon], as \
                in mesos = [\"http://10.0.0.5:5050\"]";
            return Err(Error::Refused { doing: "looking at hosts", why: why.to_owned() });
        }
        Ok(urls)
    }
}

/// An address of a master as Marathon knows it; none for what ZooKeeper has to be asked for.
fn master_url(told: &str) -> Option<Url> {
    let text = if told.contains("://") { told.to_owned() } else { format!("http://{told}") };
    Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// Checks addresses of masters that the configuration names.
pub(super) fn read_masters(urls: &[String]) -> Result<Vec<Url>> {
    let read = |text: &String| {
        let url = Url::parse(text).ok();
        url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host()).ok_or(
            Error::Setting {
                what: "the address of a master of Mesos",
                given: text.clone(),
                why: "write http://HOST:5050",
            },
        )
    };
    urls.iter().map(read).collect()
}

/// Where an agent listens: what is behind the `@` of its process's name.
fn address(pid: &str) -> Option<SocketAddr> {
    pid.rsplit_once('@')?.1.parse().ok()
}

fn is_closed(agent: &Agent) -> bool {
    agent.deactivated || agent.drain_info.is_some()
}

fn host(agent: &Agent, running: &HashMap<String, u32>, is_missing: bool) -> Host {
    let closed = is_closed(agent);
    let trouble = if is_missing {
        Some("it has not come back since the master of Mesos was elected".to_owned())
    } else if agent.active == Some(false) && !closed {
        Some("it is not connected with the master of Mesos".to_owned())
    } else {
        None
    };
    Host {
        name: agent.hostname.clone(),
        address: address(&agent.pid).map(|at| at.ip().to_string()).unwrap_or_default(),
        engine: format!("Mesos {}", agent.version).trim_end().to_owned(),
        cpus: whole(agent.resources.cpus),
        memory: bytes(agent.resources.mem),
        running: running.get(&agent.id).copied().unwrap_or(0),
        promised: Promised {
            milli_cpus: u64::from(whole((agent.used_resources.cpus * 1000.0).round())),
            memory: bytes(agent.used_resources.mem),
        },
        labels: labels(&agent.attributes),
        closed,
        usable: trouble.is_none(),
        trouble,
    }
}

fn bytes(mebibytes: f64) -> u64 {
    u64::from(whole(mebibytes)) << 20
}

/// Attributes as text; numbers as Mesos writes them.
fn labels(attributes: &BTreeMap<String, serde_json::Value>) -> BTreeMap<String, String> {
    let text = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Number(number) => number
            .as_f64()
            .filter(|number| number.fract() == 0.0)
            .map_or_else(|| number.to_string(), |number| format!("{number:.0}")),
        other => other.to_string(),
    };
    attributes.iter().map(|(name, value)| (name.clone(), text(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(name: &str) -> Agents {
        let path = format!("{}/tests/marathon/samples/{name}", env!("CARGO_MANIFEST_DIR"));
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    #[test]
    fn an_agent_is_a_host() {
        let agents = sample("mesos_slaves.json");
        let running = [(agents.slaves[0].id.clone(), 4)].into();
        let told = host(&agents.slaves[0], &running, false);
        let labels = [("rack", "r1"), ("ssd", "true"), ("zone", "eu-1a")];
        let expected = Host {
            name: "127.0.0.1".to_owned(),
            address: "127.0.0.1".to_owned(),
            engine: "Mesos 1.11.0".to_owned(),
            cpus: 4,
            memory: 8192 << 20,
            running: 4,
            promised: Promised { milli_cpus: 500, memory: 128 << 20 },
            labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            closed: false,
            usable: true,
            trouble: None,
        };
        assert_eq!(told, expected);
        let idle = host(&sample("mesos_slaves_idle.json").slaves[0], &HashMap::new(), false);
        assert_eq!((idle.promised, idle.running), (Promised::default(), 0));
    }

    #[test]
    fn what_cannot_be_used_is_told_with_its_reason() {
        let agent = sample("mesos_slaves.json").slaves.remove(0);
        let none = HashMap::new();
        assert!(host(&agent, &none, true).trouble.unwrap().contains("not come back"));
        let away = Agent { active: Some(false), ..agent.clone() };
        let away = host(&away, &none, false);
        assert!(!away.usable && !away.closed && away.trouble.is_some());
        let closed = Agent { active: Some(false), deactivated: true, ..agent };
        let closed = host(&closed, &none, false);
        assert!(closed.usable && closed.closed && closed.trouble.is_none());
    }

    #[test]
    fn attributes_are_text() {
        let told = serde_json::json!({ "rack": "r1", "level": 3.0, "share": 0.5 });
        let told = serde_json::from_value(told).unwrap();
        let expected = [("level", "3"), ("rack", "r1"), ("share", "0.5")];
        assert_eq!(labels(&told), expected.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
    }

    #[test]
    fn masters_are_where_marathon_says() {
        let url = |told| master_url(told).map(String::from);
        assert_eq!(url("http://m1:5050/"), Some("http://m1:5050/".to_owned()));
        assert_eq!(url("m1:5050"), Some("http://m1:5050/".to_owned()));
        assert_eq!(url("zk://localhost:2181/mesos"), None);
        assert!(read_masters(&["m1:5050".to_owned()]).is_err());
    }
}
