//! A stand-in that runs, and what can be done to it.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::api::{self, Instance};
use crate::mesos::{self, AgentDoor, Master};
use crate::options::Options;
use crate::serve::serve;
use crate::sweep;
use crate::version::Version;
use crate::world::{Agent, World};

/// Nothing could be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is nothing to start.
    #[error("there must be one {0} at least")]
    Nothing(&'static str),
    /// Two agents cannot be told from each other.
    #[error("two agents are called {0}: give each a hostname of its own")]
    SameName(String),
    /// An engine does not answer.
    #[error("the engine at {engine} of the agent {agent} cannot be reached: {why}")]
    Engine {
        /// Its hostname.
        agent: String,
        /// As it was given.
        engine: String,
        /// What stands in the way.
        why: String,
    },
    /// A port cannot be listened on.
    #[error("cannot listen on {address}: {why}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What stands in the way.
        why: std::io::Error,
    },
    /// Calls cannot be made.
    #[error("cannot prepare to make HTTP calls: {0}")]
    Client(#[from] reqwest::Error),
}

/// There is no such agent.
#[derive(Debug, thiserror::Error)]
#[error("there is no agent called {0}")]
pub struct NoAgent(String);

/// Marathon on Mesos, as far as its clients can tell. All its containers are removed when it is dropped.
pub struct StandIn {
    world: Arc<World>,
    marathons: Arc<Vec<String>>,
    masters: Arc<Vec<String>>,
    /// Ends each of the instances of Marathon.
    ends: Mutex<Vec<CancellationToken>>,
    /// Ends all that listens.
    end: CancellationToken,
}

impl StandIn {
    /// Starts it; it answers when this returns.
    ///
    /// # Errors
    /// When an engine does not answer, or a port is taken.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        check(&options)?;
        // Whoever has chosen another one before has the say.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let mut agents = Vec::new();
        let cluster = crate::ids::uuid();
        for (index, agent) in options.agents.iter().enumerate() {
            agents.push(Agent::reach(format!("{cluster}-S{index}"), agent.clone()).await?);
        }
        let listen = options.listen;
        let marathons = bind_all(listen, options.port, options.instances).await?;
        let masters = bind_all(listen, options.mesos_port, options.masters).await?;
        let doors = bind_all(listen, 0, agents.len()).await?;
        let world = World::new(options, cluster, agents, client);
        let standin = Self {
            marathons: Arc::new(authorities(&marathons)?),
            masters: Arc::new(authorities(&masters)?),
            ends: Mutex::default(),
            end: CancellationToken::new(),
            world,
        };
        standin.serve_mesos(masters, doors)?;
        for (index, listener) in marathons.into_iter().enumerate() {
            let end = standin.serve_marathon(index, listener);
            standin.ends().push(end);
        }
        standin.world.spawn(Arc::clone(&standin.world).run());
        Ok(standin)
    }

    fn serve_mesos(
        &self,
        masters: Vec<TcpListener>,
        doors: Vec<TcpListener>,
    ) -> Result<(), StartError> {
        let agents = Arc::new(authorities(&doors)?);
        let webui: Arc<str> = self.url().into();
        for (index, listener) in masters.into_iter().enumerate() {
            let master = Master {
                world: Arc::clone(&self.world),
                index,
                authorities: Arc::clone(&self.masters),
                agents: Arc::clone(&agents),
                webui: Arc::clone(&webui),
            };
            tokio::spawn(serve(listener, mesos::master_router(master), self.end.clone()));
        }
        for (index, listener) in doors.into_iter().enumerate() {
            let door = AgentDoor { world: Arc::clone(&self.world), index };
            tokio::spawn(serve(listener, mesos::agent_router(door), self.end.clone()));
        }
        Ok(())
    }

    fn serve_marathon(&self, index: usize, listener: TcpListener) -> CancellationToken {
        let end = self.end.child_token();
        let instance = Instance {
            world: Arc::clone(&self.world),
            index,
            authorities: Arc::clone(&self.marathons),
            mesos: self.masters[0].as_str().into(),
        };
        tokio::spawn(serve(listener, api::router(instance), end.clone()));
        end
    }

    fn ends(&self) -> std::sync::MutexGuard<'_, Vec<CancellationToken>> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first instance of Marathon, as `http://HOST:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.marathons[0])
    }

    /// Every instance of Marathon.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.marathons.iter().map(|authority| format!("http://{authority}")).collect()
    }

    /// The first master of Mesos.
    #[must_use]
    pub fn mesos_url(&self) -> String {
        format!("http://{}", self.masters[0])
    }

    /// Every master of Mesos.
    #[must_use]
    pub fn mesos_urls(&self) -> Vec<String> {
        self.masters.iter().map(|authority| format!("http://{authority}")).collect()
    }

    /// Which instance leads; none while that is being settled.
    #[must_use]
    pub fn leader(&self) -> Option<usize> {
        self.world.state().leader
    }

    /// The release that is stood in for.
    #[must_use]
    pub fn version(&self) -> Version {
        self.world.version()
    }

    /// The label, as `NAME=VALUE`, of every container that this stand-in has started.
    #[must_use]
    pub fn mark(&self) -> String {
        format!("{}={}", sweep::MARK, self.world.mark)
    }

    /// How many calls Marathon has had, stand-bys' included.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.world.state().calls
    }

    fn agent(&self, hostname: &str) -> Result<usize, NoAgent> {
        let agents = &self.world.agents;
        let found = agents.iter().position(|agent| agent.options.hostname == hostname);
        found.ok_or_else(|| NoAgent(hostname.to_owned()))
    }

    /// Mesos gives an agent up that it cannot reach any more. Its containers run on, and are reached.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn lose_agent(&self, hostname: &str) -> Result<(), NoAgent> {
        let agent = self.agent(hostname)?;
        self.world.lose(&mut self.world.state(), agent);
        Ok(())
    }

    /// An agent's machine dies with all its containers, and Mesos gives it up.
    ///
    /// # Errors
    /// When there is none of that name.
    pub async fn crash_agent(&self, hostname: &str) -> Result<(), NoAgent> {
        let agent = self.agent(hostname)?;
        self.world.lose(&mut self.world.state(), agent);
        self.world.destroy_containers(agent).await;
        Ok(())
    }

    /// Mesos reaches an agent again. What Marathon has forgotten meanwhile is ended.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn return_agent(&self, hostname: &str) -> Result<(), NoAgent> {
        let agent = self.agent(hostname)?;
        self.world.find(&mut self.world.state(), agent);
        Ok(())
    }

    /// The leader dies: nothing listens there any more, and after [`Options::election`] another instance
    /// leads, if there is one. Tells which one died.
    pub fn kill_leader(&self) -> Option<usize> {
        let mut state = self.world.state();
        let leader = state.leader?;
        state.alive[leader] = false;
        self.world.lose_leader(&mut state);
        self.ends()[leader].cancel();
        Some(leader)
    }

    /// An instance that died is back where it was.
    ///
    /// # Errors
    /// When its port was taken meanwhile.
    pub async fn revive(&self, instance: usize) -> Result<(), StartError> {
        let authority = &self.marathons[instance];
        let port = authority.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        let listen = self.world.options.listen;
        let listener = bind(SocketAddr::new(listen, port.unwrap_or_default())).await?;
        let end = self.serve_marathon(instance, listener);
        self.ends()[instance] = end;
        let mut state = self.world.state();
        state.alive[instance] = true;
        self.world.take_over(&mut state, instance);
        Ok(())
    }

    /// Another master of Mesos leads, or none.
    pub fn set_leading_master(&self, master: Option<usize>) {
        self.world.state().master = master.filter(|index| *index < self.masters.len());
    }

    /// Closes every stream of events; clients may come again at once.
    pub fn drop_event_streams(&self) {
        self.world.state().bus.close();
    }

    /// Nobody is told of the next `events`.
    pub fn lose_events(&self, events: usize) {
        self.world.state().bus.lose(events);
    }

    /// Every call of Marathon is answered with 502 and a page of HTML for that time.
    pub fn answer_bad_gateway_for(&self, time: Duration) {
        self.world.state().broken_until = Instant::now().checked_add(time);
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.end.cancel();
        self.world.abort();
        let engines = self.world.agents.iter().map(|agent| agent.options.clone()).collect();
        sweep::sweep(engines, format!("{}={}", sweep::MARK, self.world.mark));
    }
}

fn check(options: &Options) -> Result<(), StartError> {
    for (what, count) in [
        ("agent", options.agents.len()),
        ("instance of Marathon", options.instances),
        ("master of Mesos", options.masters),
    ] {
        if count == 0 {
            return Err(StartError::Nothing(what));
        }
    }
    for (index, agent) in options.agents.iter().enumerate() {
        if options.agents[..index].iter().any(|other| other.hostname == agent.hostname) {
            return Err(StartError::SameName(agent.hostname.clone()));
        }
    }
    Ok(())
}

async fn bind_all(host: IpAddr, first: u16, count: usize) -> Result<Vec<TcpListener>, StartError> {
    let mut listeners = Vec::new();
    let mut port = first;
    for _ in 0..count {
        listeners.push(bind(SocketAddr::new(host, port)).await?);
        port = if first == 0 { 0 } else { port.saturating_add(1) };
    }
    Ok(listeners)
}

async fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|why| StartError::Listen { address, why })
}

fn authorities(listeners: &[TcpListener]) -> Result<Vec<String>, StartError> {
    let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
    let address = |listener: &TcpListener| listener.local_addr().map(|address| address.to_string());
    let addresses: std::io::Result<Vec<String>> = listeners.iter().map(address).collect();
    addresses.map_err(|why| StartError::Listen { address: unknown, why })
}
