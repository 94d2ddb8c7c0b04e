//! The conversation over one connection.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::Poll;
use std::time::{Duration, Instant};

use launcher_model::{DeploymentId, ServiceName};
use tokio::io::{AsyncRead, AsyncWrite, WriteHalf};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{Introduction, Quiet, belonging};
use crate::driver::{Driver, Resting};
use crate::protocol::{CertificateFile, FromEdge, PROTOCOL, Readiness, ToEdge};
use crate::samples::Second;
use crate::table::{RouteTable, ServiceTable};
use crate::wire::{self, Reader, WireError, Writer};

/// A control plane that says nothing for so long is away, whatever the connection looks like: it asks
/// after the edge each second.
const SILENCE: Duration = Duration::from_secs(5);

/// After a hold's deadline the control plane still asks how requests waited.
const RELEASED_WITHIN: Duration = Duration::from_secs(1);

/// Talks over one connection until it ends.
pub(super) async fn converse<S, D>(
    stream: S,
    driver: &Arc<D>,
    introduction: &Introduction,
    quiet: &Quiet,
    foreign: &AtomicBool,
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
        foreign,
        preparing: JoinSet::new(),
        replacing: JoinSet::new(),
        held: BTreeMap::new(),
        resting: JoinSet::new(),
        ending: JoinSet::new(),
        aborted: BTreeSet::new(),
        told: BTreeSet::new(),
        switches: BTreeSet::new(),
    };
    let mut files = driver.certificate_files();
    // On this connection nothing has been told of them.
    if !files.borrow().is_empty() {
        files.mark_changed();
    }
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
            () = quiet.is_wanted(), if talk.may_pause() => quiet.keep().await,
            Some(rested) = talk.resting.join_next() => {
                if let Ok((service, rested)) = rested {
                    talk.say(FromEdge::Held { service, outcome: Ok(rested) }).await?;
                }
            }
            Some(ended) = talk.ending.join_next() => {
                if let Ok((nonce, at_rest)) = ended {
                    talk.say(FromEdge::Rested { nonce, at_rest }).await?;
                }
            }
            looked = driver.looked(), if *welcomed => for (service, versions) in looked {
                talk.say(FromEdge::Looked { service, versions }).await?;
            },
            wanted = driver.wanted(), if *welcomed => for (service, version) in wanted {
                talk.say(FromEdge::Wake { service, version }).await?;
            },
            second = driver.measured(), if *welcomed => {
                let Second { at, samples } = second;
                talk.say(FromEdge::Measured { at, samples }).await?;
                driver.measured_told(at);
            }
            files = changed(&mut files), if *welcomed => {
                talk.say(FromEdge::CertificateFiles { files }).await?;
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

/// What files of certificates hold, when that has changed.
async fn changed(files: &mut watch::Receiver<Vec<CertificateFile>>) -> Vec<CertificateFile> {
    match files.changed().await {
        Ok(()) => files.borrow_and_update().clone(),
        // Nothing is read that could.
        Err(_) => std::future::pending().await,
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
    /// Services that are held, and when each has been for as long as it shall be.
    held: BTreeMap<ServiceName, Instant>,
    /// Services that are held, and whose traffic is coming to rest.
    resting: JoinSet<(ServiceName, bool)>,
    /// What of versions and containers is coming to its end, by the nonces of the questions.
    ending: JoinSet<(u64, bool)>,
    /// Aborted while they were being prepared.
    aborted: BTreeSet<DeploymentId>,
    /// Whether the control plane is of another installation.
    foreign: &'d AtomicBool,
    /// Outcomes of drains that have been told on this connection.
    told: BTreeSet<DeploymentId>,
    /// Switches that have neither been committed nor given up.
    switches: BTreeSet<DeploymentId>,
}

impl<S: AsyncRead + AsyncWrite, D: Driver> Talk<'_, S, D> {
    async fn say(&mut self, message: FromEdge) -> Result<(), WireError> {
        self.writer.send(&message).await
    }

    /// Whether neither a switch is under way nor a hold, which end in this conversation or not at all.
    /// That a hold has come to its deadline is noticed at the next message.
    fn may_pause(&self) -> bool {
        self.switches.is_empty() && self.held.values().all(|until| *until < Instant::now())
    }

    async fn hello(&mut self, introduction: &Introduction) -> Result<(), WireError> {
        let table = self.driver.table().await;
        let hello = FromEdge::Hello {
            protocol: PROTOCOL,
            edge: introduction.edge.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            driver: self.driver.name().to_owned(),
            http: introduction.http.clone(),
            https: introduction.https.clone(),
            installation: table.installation,
            draining: self.driver.draining().await,
            has: table.services.values().map(|of| (of.name.clone(), of.digest())).collect(),
        };
        self.say(hello).await
    }

    async fn hear(&mut self, message: ToEdge) -> Result<(), WireError> {
        match message {
            ToEdge::Welcome { table, unchanged } => {
                self.foreign.store(false, Relaxed);
                belonging::leave_other(&**self.driver, &table).await;
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
                self.held.remove(&service);
                self.say(FromEdge::Released { service, outcome }).await?;
            }
            ToEdge::Rest { nonce, service, version, containers, within_ms } => {
                let driver = self.driver.clone();
                let within = Duration::from_millis(within_ms);
                let resting = Resting { service, version, containers };
                self.ending.spawn(async move { (nonce, driver.at_rest(resting, within).await) });
            }
            ToEdge::Certify { revision, issued, challenges } => {
                self.driver.certify(issued, challenges).await;
                self.say(FromEdge::Certified { revision }).await?;
            }
            ToEdge::Ping { nonce } => self.say(FromEdge::Pong { nonce }).await?,
            ToEdge::Joined { .. } => {}
            ToEdge::Foreign { installation } => {
                belonging::is_foreign(&**self.driver, self.foreign, &installation).await;
            }
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
        let until = Instant::now() + within + RELEASED_WITHIN;
        self.held.entry(service.clone()).and_modify(|of| *of = until.max(*of)).or_insert(until);
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
