//! The conversation with the control plane. It knows the [`protocol`](crate::protocol) and asks a
//! [`Driver`], whichever it is; what it runs over is any stream.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use launcher_model::{DeploymentId, EdgeName, ServiceName};
use tokio::io::{AsyncRead, AsyncWrite, WriteHalf};
use tokio::net::UnixStream;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::driver::Driver;
use crate::protocol::{FromEdge, PROTOCOL, Readiness, ToEdge};
use crate::remote::Membership;
use crate::table::{RouteTable, ServiceTable};
use crate::wire::{self, Reader, WireError, Writer};

/// From the first attempt to reach the control plane to the second; doubled from there on, up to the
/// longest.
const FIRST_DELAY: Duration = Duration::from_millis(10);
const LONGEST_DELAY: Duration = Duration::from_secs(1);

/// How long an edge that has just started, and has reached the control plane, waits to be told the
/// routes before it serves those that it kept. They may be old: it may have missed a switch.
const WELCOME_WITHIN: Duration = Duration::from_secs(1);

/// A control plane that was started together with this edge may take so long until it listens.
const STARTS_WITHIN: Duration = Duration::from_secs(5);

/// How long a connection to another machine may take to come about.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// A control plane that says nothing for so long is away, whatever the connection looks like: it asks
/// after the edge each second.
const SILENCE: Duration = Duration::from_secs(5);

/// How an edge introduces itself.
#[derive(Debug, Clone)]
pub(crate) struct Introduction {
    pub(crate) edge: EdgeName,
    pub(crate) http: Vec<SocketAddr>,
}

/// Where the control plane is.
#[derive(Debug, Clone)]
pub enum ControlPlane {
    /// On this machine, at a Unix socket: who may open it is the file system's to say.
    Local(PathBuf),
    /// On another machine, which this edge has joined.
    Remote(Arc<Membership>),
}

/// A connection to the control plane.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl ControlPlane {
    async fn connect(&self) -> io::Result<Box<dyn Stream>> {
        match self {
            Self::Local(socket) => Ok(Box::new(UnixStream::connect(socket).await?)),
            Self::Remote(membership) => {
                let connected = tokio::time::timeout(CONNECT_WITHIN, membership.connect()).await;
                Ok(Box::new(connected.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??))
            }
        }
    }
}

/// Keeps a connection to the control plane, for ever, and has the driver serve when
/// that has been welcomed for the first time, or cannot be.
pub(crate) async fn keep_connected<D: Driver>(
    driver: Arc<D>,
    introduction: Introduction,
    control: &ControlPlane,
    quiet: &Quiet,
) {
    let open_at_last = async {
        tokio::time::sleep(WELCOME_WITHIN).await;
        driver.open();
    };
    tokio::join!(open_at_last, connect_for_ever(&driver, &introduction, control, quiet));
}

async fn connect_for_ever<D: Driver>(
    driver: &Arc<D>,
    introduction: &Introduction,
    control: &ControlPlane,
    quiet: &Quiet,
) {
    let mut delay = FIRST_DELAY;
    let mut absence = Absence::at_start(Instant::now());
    loop {
        quiet.keep().await;
        let mut welcomed = false;
        let connected = tokio::select! {
            connected = control.connect() => connected,
            () = quiet.is_wanted() => continue,
        };
        let ended = match connected {
            Ok(stream) => converse(stream, driver, introduction, quiet, &mut welcomed).await,
            Err(error) => Err(error.into()),
        };
        driver.open();
        driver.abandon().await;
        if welcomed {
            absence = Absence::after_welcome(Instant::now());
        }
        if absence.is_worth_telling(Instant::now()) {
            let why =
                ended.err().map_or_else(|| "it closed the connection".into(), |e| e.to_string());
            tracing::warn!(%why, "the control plane is away; serving on with what it said last");
        }
        delay = if welcomed { FIRST_DELAY } else { (delay * 2).min(LONGEST_DELAY) };
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            () = quiet.is_wanted() => {}
        }
    }
}

/// Has the conversation pause at a moment at which no switch is under way.
///
/// The connection stays: what the control plane says meanwhile is heard when the pause ends. When it
/// ends because another process took over, that one's connection takes the place of this one, and the
/// control plane never sees the edge go.
#[derive(Debug, Default)]
pub(crate) struct Quiet {
    wanted: watch::Sender<bool>,
    is_there: watch::Sender<bool>,
}

impl Quiet {
    /// Waits until nothing is said or heard any more.
    pub(crate) async fn begin(&self) {
        self.wanted.send_replace(true);
        let _ = self.is_there.subscribe().wait_for(|is_there| *is_there).await;
    }

    /// Lets the conversation go on.
    pub(crate) fn end(&self) {
        self.wanted.send_replace(false);
    }

    async fn is_wanted(&self) {
        let _ = self.wanted.subscribe().wait_for(|wanted| *wanted).await;
    }

    /// Keeps quiet as long as that is wanted.
    async fn keep(&self) {
        let mut wanted = self.wanted.subscribe();
        if *wanted.borrow_and_update() {
            self.is_there.send_replace(true);
            let _ = wanted.wait_for(|wanted| !*wanted).await;
            self.is_there.send_replace(false);
        }
    }
}

/// The time since the control plane was there, of which is told once.
struct Absence {
    began: Instant,
    /// As long as this it is no news.
    expected: Duration,
    told: bool,
}

impl Absence {
    fn at_start(began: Instant) -> Self {
        Self { began, expected: STARTS_WITHIN, told: false }
    }

    fn after_welcome(began: Instant) -> Self {
        Self { began, expected: Duration::ZERO, told: false }
    }

    /// Whether to tell of it now.
    fn is_worth_telling(&mut self, now: Instant) -> bool {
        let tell = !self.told && now.duration_since(self.began) >= self.expected;
        self.told |= tell;
        tell
    }
}

/// Talks over one connection until it ends.
async fn converse<S, D>(
    stream: S,
    driver: &Arc<D>,
    introduction: &Introduction,
    quiet: &Quiet,
    welcomed: &mut bool,
) -> Result<(), WireError>
where
    S: AsyncRead + AsyncWrite,
    D: Driver,
{
    let (mut reader, writer) = wire::split::<_, ToEdge, FromEdge>(stream);
    let mut talk = Talk {
        driver,
        writer,
        preparing: JoinSet::new(),
        replacing: JoinSet::new(),
        resting: JoinSet::new(),
        aborted: BTreeSet::new(),
        told: BTreeSet::new(),
        switches: BTreeSet::new(),
    };
    talk.hello(introduction).await?;
    let ended = loop {
        tokio::select! {
            message = heard(&mut reader) => match message {
                Ok(Some(message)) => {
                    *welcomed |= matches!(message, ToEdge::Welcome { .. });
                    talk.hear(message).await?;
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            },
            Some(prepared) = talk.preparing.join_next() => {
                if let Ok((deployment, outcome)) = prepared {
                    talk.prepared(deployment, outcome).await?;
                }
            }
            Some(replaced) = talk.replacing.join_next() => {
                if let Ok(revision) = replaced {
                    talk.say(FromEdge::Applied { revisions: vec![revision] }).await?;
                }
            }
            () = quiet.is_wanted(), if talk.switches.is_empty() => quiet.keep().await,
            Some(rested) = talk.resting.join_next() => {
                if let Ok((service, rested)) = rested {
                    talk.say(FromEdge::Held { service, outcome: Ok(rested) }).await?;
                }
            }
            () = driver.drain_ended(), if *welcomed => talk.tell_outcomes().await?,
        }
    };
    // They stop by themselves when the driver is told to abandon them, and clean up.
    talk.preparing.detach_all();
    // These are done to their end.
    talk.replacing.detach_all();
    ended
}

/// The next message, unless the silence lasts.
async fn heard<R: AsyncRead + Unpin>(
    reader: &mut Reader<R, ToEdge>,
) -> Result<Option<ToEdge>, WireError> {
    match tokio::time::timeout(SILENCE, reader.next()).await {
        Ok(message) => message,
        Err(_elapsed) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
    }
}

/// The whole of a table that was sent without what the edge has.
fn complete(
    mut sent: RouteTable,
    unchanged: Vec<(ServiceName, u64)>,
    mut has: RouteTable,
) -> RouteTable {
    for (name, revision) in unchanged {
        if let Some(mut table) = has.services.remove(&name) {
            table.revision = revision;
            sent.services.insert(name, table);
        }
    }
    sent
}

/// One connection's conversation.
struct Talk<'d, S, D> {
    driver: &'d Arc<D>,
    writer: Writer<WriteHalf<S>, FromEdge>,
    preparing: JoinSet<(DeploymentId, Result<Readiness, String>)>,
    replacing: JoinSet<(ServiceName, u64)>,
    /// Services that are held, and whose traffic is coming to rest.
    resting: JoinSet<(ServiceName, bool)>,
    /// Aborted while they were being prepared.
    aborted: BTreeSet<DeploymentId>,
    /// Outcomes of drains that have been told on this connection.
    told: BTreeSet<DeploymentId>,
    /// Switches that have neither been committed nor given up.
    switches: BTreeSet<DeploymentId>,
}

impl<S: AsyncRead + AsyncWrite, D: Driver> Talk<'_, S, D> {
    async fn say(&mut self, message: FromEdge) -> Result<(), WireError> {
        self.writer.send(&message).await
    }

    async fn hello(&mut self, introduction: &Introduction) -> Result<(), WireError> {
        let table = self.driver.table().await;
        let hello = FromEdge::Hello {
            protocol: PROTOCOL,
            edge: introduction.edge.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            driver: self.driver.name().to_owned(),
            http: introduction.http.clone(),
            draining: self.driver.draining().await,
            has: table.services.values().map(|of| (of.name.clone(), of.digest())).collect(),
        };
        self.say(hello).await
    }

    async fn hear(&mut self, message: ToEdge) -> Result<(), WireError> {
        match message {
            ToEdge::Welcome { table, unchanged } => {
                let table = complete(table, unchanged, self.driver.table().await);
                let revisions = self.driver.welcome(table).await;
                self.driver.open();
                self.say(FromEdge::Applied { revisions }).await?;
                self.tell_outcomes().await?;
            }
            ToEdge::Replace { service } => self.replace(service).await?,
            ToEdge::Remove { service } => self.driver.remove(service).await,
            ToEdge::Prepare { deployment, service, within_ms } => {
                let driver = self.driver.clone();
                let within = Duration::from_millis(within_ms);
                self.aborted.remove(&deployment);
                self.switches.insert(deployment);
                self.preparing.spawn(async move {
                    (deployment, driver.prepare(deployment, service, within).await)
                });
            }
            ToEdge::Commit { deployment } => {
                let outcome = self.driver.commit(deployment).await;
                self.switches.remove(&deployment);
                self.say(FromEdge::Committed { deployment, outcome }).await?;
            }
            ToEdge::Abort { deployment } => {
                if !self.preparing.is_empty() {
                    self.aborted.insert(deployment);
                }
                self.driver.abort(deployment).await;
                self.switches.remove(&deployment);
            }
            ToEdge::DrainSeen { deployment } => {
                self.told.remove(&deployment);
                self.driver.drain_seen(deployment).await;
            }
            ToEdge::Hold { service, within_ms } => self.hold(service, within_ms).await?,
            ToEdge::Release { service } => {
                let outcome = self.driver.release(service.clone()).await;
                self.say(FromEdge::Released { service, outcome }).await?;
            }
            ToEdge::Ping { nonce } => self.say(FromEdge::Pong { nonce }).await?,
            ToEdge::Joined { .. } => {}
            ToEdge::Refused { why } => tracing::error!(%why, "the control plane refuses this edge"),
        }
        Ok(())
    }

    /// Has the driver begin at once, so that changes come to it in their order, but waits for nothing
    /// that takes time: a driver may put several changes in force together.
    async fn replace(&mut self, service: ServiceTable) -> Result<(), WireError> {
        let driver = self.driver.clone();
        let mut replacing = Box::pin(async move { driver.replace(service).await });
        match futures_util::poll!(&mut replacing) {
            Poll::Ready(revision) => {
                self.say(FromEdge::Applied { revisions: vec![revision] }).await
            }
            Poll::Pending => {
                self.replacing.spawn(replacing);
                Ok(())
            }
        }
    }

    async fn prepared(
        &mut self,
        deployment: DeploymentId,
        mut outcome: Result<Readiness, String>,
    ) -> Result<(), WireError> {
        // The driver may have been told to abort before it had begun.
        if self.aborted.remove(&deployment) && outcome.is_ok() {
            self.driver.abort(deployment).await;
            outcome = Err("the switch was aborted".to_owned());
        }
        if outcome.is_err() {
            self.switches.remove(&deployment);
        }
        self.say(FromEdge::Prepared { deployment, outcome }).await
    }

    /// In force before the next message is heard, which may be the release; answered later.
    async fn hold(&mut self, service: ServiceName, within_ms: u64) -> Result<(), WireError> {
        let within = Duration::from_millis(within_ms);
        if let Err(why) = self.driver.hold(service.clone(), within).await {
            return self.say(FromEdge::Held { service, outcome: Err(why) }).await;
        }
        let driver = self.driver.clone();
        self.resting.spawn(async move { (service.clone(), driver.rested(service).await) });
        Ok(())
    }

    async fn tell_outcomes(&mut self) -> Result<(), WireError> {
        for (deployment, outcome) in self.driver.drained().await {
            if self.told.insert(deployment) {
                self.say(FromEdge::Drained { deployment, outcome }).await?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absence_is_told_once_and_at_the_start_only_when_it_lasts() {
        let began = Instant::now();
        let mut at_start = Absence::at_start(began);
        let told = [0, 1, 2, 3].map(|n| at_start.is_worth_telling(began + STARTS_WITHIN / 2 * n));
        assert_eq!(told, [false, false, true, false]);
        let mut later = Absence::after_welcome(began);
        assert_eq!([0; 2].map(|_| later.is_worth_telling(began)), [true, false]);
    }
}
