//! Which of our containers run on an engine's machine, for whoever measures them there.
//!
//! Containers of every scheduler carry our labels, so that the engine's own list is enough.

use std::collections::HashMap;
use std::sync::Arc;

use bollard::models::{ContainerInspectResponse, ContainerStatsResponse, EventMessage, HostConfig};
use bollard::query_parameters::{
    EventsOptionsBuilder, InspectContainerOptions, ListContainersOptionsBuilder,
    StatsOptionsBuilder,
};
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use launcher_model::{ServiceName, VersionNumber};

use super::connection::{Call, Connection, is_missing};
use super::events::time_of;
use crate::changes::delays;
use crate::identity::SERVE;
use crate::{Result, labels};

/// How many containers are looked at at once.
const AT_ONCE: usize = 8;

/// A container of ours that runs and takes requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resident {
    /// Its id.
    pub id: String,
    /// The installation that it belongs to.
    pub installation: String,
    /// Its service.
    pub service: ServiceName,
    /// Its version.
    pub version: VersionNumber,
    /// The id of its first process, on the engine's machine.
    pub pid: u32,
    /// When it was started.
    pub started: Timestamp,
    /// How often the engine has started it again by itself.
    pub restarts: u64,
    /// It has a network of its own, and does not share that of its host or of another container.
    pub own_network: bool,
}

/// What happened to containers of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Residence {
    /// These run, and no others.
    All(Vec<Resident>),
    /// One has been started.
    Started(Resident),
    /// The one with this id does not run any more.
    Ended(String),
    /// The kernel has ended a process of the one with this id for want of memory.
    OutOfMemory(String),
    /// The engine cannot be reached, for this reason; it is tried again.
    Lost(String),
}

/// What an engine says of its machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Its name, as our hosts have it.
    pub name: String,
    /// Its memory, in bytes.
    pub memory: u64,
}

/// An engine that is only looked at.
#[derive(Debug, Clone)]
pub struct Residents(Arc<Connection>);

impl Residents {
    /// Prepares to look at the engine that listens at `host`; it need not be there yet.
    ///
    /// # Errors
    /// [`Setting`](crate::Error::Setting) when that is no address of an engine.
    pub fn at(host: impl Into<String>) -> Result<Self> {
        Ok(Self(Arc::new(Connection::new(host.into())?)))
    }

    /// Whether the engine is on this machine, as far as its address tells.
    #[must_use]
    pub fn are_local(&self) -> bool {
        self.0.is_local()
    }

    /// The engine's machine.
    ///
    /// # Errors
    /// When the engine cannot be reached.
    pub async fn machine(&self) -> Result<Machine> {
        let (_, info) = self.0.open("asking for the host's name").await?;
        let memory = info.mem_total.and_then(|bytes| u64::try_from(bytes).ok());
        Ok(Machine { name: info.name.unwrap_or_default(), memory: memory.unwrap_or(0) })
    }

    /// Those that run now.
    ///
    /// # Errors
    /// When the engine cannot be reached.
    pub async fn now(&self) -> Result<Vec<Resident>> {
        let call = self.0.call("looking at containers").await?;
        all(&call).await
    }

    /// The ids of those of which a process was ended for want of memory, once for each, as far back as the
    /// engine remembers (it keeps its last 256 events).
    ///
    /// # Errors
    /// When the engine cannot be reached.
    pub async fn out_of_memory(&self, since: Timestamp) -> Result<Vec<String>> {
        let (call, info) = self.0.open("looking at events").await?;
        let until = time_of(&info);
        let options = EventsOptionsBuilder::new()
            .since(&seconds(since))
            .until(&seconds(until))
            .filters(&events(&["oom"]))
            .build();
        let told: Vec<EventMessage> =
            call.api.events(Some(options)).try_collect().await.map_err(|error| call.fail(error))?;
        Ok(told.into_iter().filter_map(|event| event.actor?.id).collect())
    }

    /// What the engine itself has counted of a container; nothing when it is gone.
    ///
    /// # Errors
    /// When the engine cannot be reached, or refuses.
    pub async fn figures(&self, id: &str) -> Result<Option<ContainerStatsResponse>> {
        let call = self.0.call("reading a container's figures").await?;
        let options = StatsOptionsBuilder::new().stream(false).one_shot(true).build();
        match call.api.stats(id, Some(options)).boxed().try_next().await {
            Ok(figures) => Ok(figures),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(call.fail(error)),
        }
    }

    /// What happens to them from now on, beginning with all that run. Never ends: an engine that goes away
    /// is told as [`Residence::Lost`] and, when it is back, [`Residence::All`].
    #[must_use]
    pub fn watch(&self) -> BoxStream<'static, Residence> {
        let connection = Arc::clone(&self.0);
        Box::pin(async_stream::stream! {
            let mut pauses = delays();
            loop {
                match attach(&connection).await {
                    Ok((residents, call, mut events)) => {
                        pauses = delays();
                        yield Residence::All(residents);
                        while let Some(event) = events.next().await {
                            let told = match event {
                                Ok(event) => understand(&call, event).await,
                                Err(error) => Err(error),
                            };
                            match told {
                                Ok(told) => if let Some(told) = told { yield told },
                                Err(error) => {
                                    yield Residence::Lost(error.to_string());
                                    break;
                                }
                            }
                        }
                    }
                    Err(error) => yield Residence::Lost(error.to_string()),
                }
                tokio::time::sleep(pauses.next().unwrap_or_default()).await;
            }
        })
    }
}

type Events = BoxStream<'static, Result<EventMessage>>;

/// All that run, and the events since the moment before they were asked for.
async fn attach(connection: &Arc<Connection>) -> Result<(Vec<Resident>, Call, Events)> {
    let (call, info) = connection.open("listening to events").await?;
    let options = EventsOptionsBuilder::new()
        .since(&seconds(time_of(&info)))
        .filters(&events(&["start", "die", "oom"]))
        .build();
    let failing = call.clone();
    let events = call.api.events(Some(options)).map_err(move |error| failing.fail(error)).boxed();
    let call = call.to("looking at containers");
    Ok((all(&call).await?, call, events))
}

async fn all(call: &Call) -> Result<Vec<Resident>> {
    let filters = HashMap::from([("label", ours())]);
    let options = ListContainersOptionsBuilder::new().filters(&filters).build();
    let listed = call.api.list_containers(Some(options)).await.map_err(|error| call.fail(error))?;
    stream::iter(listed.into_iter().filter_map(|found| found.id))
        .map(async |id| look(call, &id).await)
        .buffer_unordered(AT_ONCE)
        .try_filter_map(async |found| Ok(found))
        .try_collect()
        .await
}

async fn understand(call: &Call, event: EventMessage) -> Result<Option<Residence>> {
    let Some(id) = event.actor.and_then(|actor| actor.id) else { return Ok(None) };
    Ok(match event.action.as_deref() {
        Some("start") => look(call, &id).await?.map(Residence::Started),
        Some("die") => Some(Residence::Ended(id)),
        Some("oom") => Some(Residence::OutOfMemory(id)),
        _ => None,
    })
}

/// A container, if it runs and is one of ours.
async fn look(call: &Call, id: &str) -> Result<Option<Resident>> {
    match call.api.inspect_container(id, None::<InspectContainerOptions>).await {
        Ok(told) => Ok(resident(told)),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(call.fail(error)),
    }
}

fn resident(told: ContainerInspectResponse) -> Option<Resident> {
    let state = told.state.filter(|state| state.running == Some(true))?;
    let mut labels = told.config?.labels?;
    if labels.get(labels::ROLE).map(String::as_str) != Some(SERVE) {
        return None;
    }
    Some(Resident {
        id: told.id?,
        installation: labels.remove(labels::INSTALLATION)?,
        service: ServiceName::new(labels.remove(labels::SERVICE)?).ok()?,
        version: VersionNumber(labels.get(labels::VERSION)?.parse().ok()?),
        pid: state.pid.and_then(|pid| u32::try_from(pid).ok()).filter(|pid| *pid > 0)?,
        started: state.started_at?.parse().ok()?,
        restarts: told.restart_count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0),
        own_network: has_own_network(told.host_config.as_ref()),
    })
}

fn has_own_network(config: Option<&HostConfig>) -> bool {
    let mode = config.and_then(|config| config.network_mode.as_deref()).unwrap_or_default();
    mode != "host" && !mode.starts_with("container:")
}

fn ours() -> Vec<String> {
    let served = format!("{}={SERVE}", labels::ROLE);
    vec![labels::INSTALLATION.to_owned(), labels::SERVICE.to_owned(), served]
}

fn events(actions: &[&str]) -> HashMap<&'static str, Vec<String>> {
    HashMap::from([
        ("type", vec!["container".to_owned()]),
        ("label", ours()),
        ("event", actions.iter().map(|action| (*action).to_owned()).collect()),
    ])
}

fn seconds(time: Timestamp) -> String {
    format!("{}.{:09}", time.as_second(), time.subsec_nanosecond())
}
