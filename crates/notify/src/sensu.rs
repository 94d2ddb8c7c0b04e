//! Events for Sensu: what is broken is a check that fails, until it is not broken any more.
//!
//! Sensu Go, "Agent API": `POST /events` takes an event with a check's name, status and output, and adds
//! the agent's own entity, or the one that `proxy_entity_name` names. The agent is on this machine, or
//! somewhere that the team says.

use async_trait::async_trait;
use launcher_model::event::{Event, EventKind};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::http::{Endpoint, send};
use crate::news::News;
use crate::sink::{Parcel, Sink, Takes};
use crate::{Refusal, Result};

/// Where Sensu's agent listens when nobody says otherwise.
pub const DEFAULT_URL: &str = "http://127.0.0.1:3031/events";

/// An agent of Sensu.
#[derive(Debug, Clone)]
pub struct Sensu {
    /// Where it takes events.
    pub url: String,
    /// What handles them; what Sensu's backend does by itself when there are none.
    pub handlers: Vec<String>,
    /// The name of each service's entity begins so; the entity is the agent's own when it is none.
    pub entity_prefix: Option<String>,
}

/// One that is set up.
pub(crate) struct Agent {
    endpoint: Endpoint,
    sensu: Sensu,
}

impl Agent {
    pub(crate) fn new(target: &str, sensu: &Sensu) -> Result<Self> {
        // An agent is on this machine or beside it, and takes no secrets.
        let url = SecretString::from(sensu.url.clone());
        Ok(Self { endpoint: Endpoint::new(target, &url, true)?, sensu: sensu.clone() })
    }

    fn event(&self, check: &str, status: u8, output: &str, entity: Option<&str>) -> Value {
        let mut check = json!({
            "metadata": { "name": check },
            "status": status,
            "output": output,
            // No interval of its own: it says what has happened when it happens.
            "interval": 1,
        });
        if !self.sensu.handlers.is_empty() {
            check["handlers"] = json!(self.sensu.handlers);
        }
        if let (Some(prefix), Some(entity)) = (&self.sensu.entity_prefix, entity) {
            check["proxy_entity_name"] = json!(format!("{prefix}{entity}"));
        }
        json!({ "check": check })
    }
}

/// What an event says of a check: its name behind that of the service, and whether it passes.
fn check(kind: EventKind) -> Option<(&'static str, bool)> {
    match kind {
        EventKind::EnvironmentFailed | EventKind::EnvironmentTroubled => {
            Some(("environment", false))
        }
        EventKind::EnvironmentReady => Some(("environment", true)),
        EventKind::DeploymentAborted => Some(("deployment", false)),
        EventKind::DeploymentLive => Some(("deployment", true)),
        EventKind::EngineLost => Some(("engine", false)),
        EventKind::EngineBack => Some(("engine", true)),
        _ => None,
    }
}

/// The check's name: `launcher-deployment-shop`.
fn check_name(event: &Event, what: &str) -> String {
    match &event.service {
        Some(service) => format!("launcher-{what}-{service}"),
        None => format!("launcher-{what}"),
    }
}

#[async_trait]
impl Sink for Agent {
    fn takes(&self) -> Takes {
        Takes::Each
    }

    fn wants(&self, news: &News) -> bool {
        check(news.event.kind).is_some()
    }

    async fn send(&self, parcel: &Parcel) -> std::result::Result<(), Refusal> {
        let line = parcel.lines.first().map(crate::line::Line::plain).unwrap_or_default();
        let event = match parcel.news.first().map(|news| &news.event) {
            None => self.event("launcher-test", 0, &line, None),
            Some(event) => {
                let Some((what, passes)) = check(event.kind) else { return Ok(()) };
                let name = check_name(event, what);
                let entity = event.service.as_ref().map(|service| service.as_str());
                self.event(&name, if passes { 0 } else { 2 }, &line, entity)
            }
        };
        send(self.endpoint.post().json(&event), parcel.now).await
    }
}

#[cfg(test)]
mod tests {
    use launcher_model::ServiceName;

    use super::*;

    fn agent(handlers: &[&str], entity_prefix: Option<&str>) -> Agent {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let handlers = handlers.iter().map(ToString::to_string).collect();
        let entity_prefix = entity_prefix.map(str::to_owned);
        let url = DEFAULT_URL.to_owned();
        Agent::new("sensu", &Sensu { url, handlers, entity_prefix }).unwrap()
    }

    #[test]
    fn an_event_is_as_the_agent_reads_it() {
        let plain = agent(&[], None).event("launcher-deployment-shop", 2, "aborted", Some("shop"));
        assert_eq!(
            plain,
            json!({ "check": {
                "metadata": { "name": "launcher-deployment-shop" },
                "status": 2, "output": "aborted", "interval": 1,
            }})
        );
        let full = agent(&["slack"], Some("launcher-")).event("c", 0, "live", Some("shop"));
        assert_eq!(full["check"]["handlers"], json!(["slack"]));
        assert_eq!(full["check"]["proxy_entity_name"], "launcher-shop");
    }

    #[test]
    fn what_breaks_a_check_is_mended_under_the_same_name() {
        let name = |kind| {
            let event = Event {
                id: 1,
                at: jiff::Timestamp::UNIX_EPOCH,
                kind,
                service: Some(ServiceName::new("shop").unwrap()),
                version: None,
                deployment: None,
                by: None,
                text: String::new(),
            };
            let (what, passes) = check(kind).unwrap();
            (check_name(&event, what), passes)
        };
        for (bad, good) in [
            (EventKind::EnvironmentFailed, EventKind::EnvironmentReady),
            (EventKind::DeploymentAborted, EventKind::DeploymentLive),
        ] {
            let ((broken, fails), (mended, passes)) = (name(bad), name(good));
            assert_eq!(broken, mended);
            assert!(!fails && passes);
        }
        assert_eq!(check(EventKind::VersionLaunched), None);
    }
}
