//! An edge that has been taken over from: it follows its owner until its last connection has ended.

use std::collections::BTreeSet;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use launcher_model::DeploymentId;

use super::give::Leader;
use super::lock::Lock;
use super::message::{Ask, FromPredecessor, PROTOCOL, ToPredecessor};
use super::succession::Succession;
use super::{pass, socket};
use crate::driver::Driver;
use crate::protocol::InFlight;
use crate::table::RouteTable;
use crate::wire::WireError;

/// From one attempt to find the owner to the next.
const AGAIN: Duration = Duration::from_millis(20);
/// How long the owner may take to hear of the last drains.
const HEARS_WITHIN: Duration = Duration::from_secs(5);

/// How following ended.
pub(crate) enum Ended {
    /// Nothing is under way any more.
    Drained,
    /// The owner died, and this process is it again, and serves.
    Owns(Lock),
}

/// Takes no more connections and follows `leader`, or whoever is the owner after it.
pub(crate) async fn follow(dir: &Path, succession: &Arc<Succession>, leader: Leader) -> Ended {
    let builtin = succession.builtin();
    builtin.engine().shut(&leader.leaving).await;
    let within = builtin.longest_drain().await;
    builtin.engine().retire(Some(within));
    tracing::info!(drain = ?within, "another edge process has taken over; what is under way here ends");
    let mut leader = Some(leader);
    let mut over = pin!(come_to_rest(succession, within));
    loop {
        if let Some(leader) = &mut leader {
            tokio::select! {
                ended = listen(succession, leader) => {
                    let why = ended.err().map(|error| error.to_string());
                    tracing::warn!(?why, "the edge that took over is gone");
                }
                () = &mut over => {
                    let heard = tokio::time::timeout(HEARS_WITHIN, tell_the_rest(succession, leader));
                    let _ = heard.await;
                    return Ended::Drained;
                }
            }
        }
        tokio::select! {
            elected = elect(dir, succession) => match elected {
                Elected::Follows(next) => leader = Some(*next),
                Elected::Owns(lock) => {
                    reclaim(dir, succession).await;
                    return Ended::Owns(lock);
                }
            },
            () = &mut over => return Ended::Drained,
        }
    }
}

/// Waits until the connections have ended, here and at the predecessors of this process; cuts those that
/// take longer than `within`.
async fn come_to_rest(succession: &Succession, within: Duration) {
    let builtin = succession.builtin();
    if tokio::time::timeout(within, builtin.engine().is_empty()).await.is_err() {
        builtin.cut_drains().await;
    }
    builtin.engine().stop(Duration::ZERO).await;
    succession.is_alone().await;
}

async fn reclaim(dir: &Path, succession: &Succession) {
    tracing::warn!("serving again");
    let builtin = succession.builtin();
    if let Err(error) = builtin.own(dir, RouteTable::default()).await {
        tracing::error!(%error, "serving without keeping the routes");
    }
    builtin.engine().retire(None);
    builtin.open();
}

/// Does what the owner says, until it is gone.
async fn listen(succession: &Succession, leader: &mut Leader) -> Result<(), WireError> {
    let mut told = BTreeSet::new();
    loop {
        tell_outcomes(succession, leader, &mut told).await?;
        tokio::select! {
            message = leader.reader.next() => match message? {
                Some(message) => hear(succession, leader, message).await?,
                None => return Ok(()),
            },
            () = succession.drain_ended() => {}
        }
    }
}

async fn hear(
    succession: &Succession,
    leader: &mut Leader,
    message: ToPredecessor,
) -> Result<(), WireError> {
    let mut in_flight = InFlight::default();
    match message {
        ToPredecessor::Follow { table } => drop(succession.welcome(table).await),
        ToPredecessor::Replace { service } => drop(succession.replace(service).await),
        ToPredecessor::Remove { service } => succession.remove(service).await,
        ToPredecessor::Switch { deployment, service } => {
            in_flight = succession.switch(deployment, service).await;
        }
        ToPredecessor::Seen { deployment } => {
            succession.drain_seen(deployment).await;
            return Ok(());
        }
        ToPredecessor::HandOver | ToPredecessor::Ready { .. } => return Ok(()),
    }
    leader.writer.send(&FromPredecessor::Done { in_flight }).await
}

async fn tell_outcomes(
    succession: &Succession,
    leader: &mut Leader,
    told: &mut BTreeSet<DeploymentId>,
) -> Result<(), WireError> {
    for (deployment, outcome) in succession.drained().await {
        if told.insert(deployment) {
            leader.writer.send(&FromPredecessor::Drained { deployment, outcome }).await?;
        }
    }
    Ok(())
}

/// Tells the owner of the drains that have ended with the last connections, until it has heard of all.
async fn tell_the_rest(succession: &Succession, leader: &mut Leader) -> Result<(), WireError> {
    let mut told = BTreeSet::new();
    while !succession.left().await.is_empty() {
        tell_outcomes(succession, leader, &mut told).await?;
        tokio::select! {
            message = leader.reader.next() => match message? {
                Some(message) => hear(succession, leader, message).await?,
                None => break,
            },
            () = succession.drain_ended() => {}
        }
    }
    Ok(())
}

/// Who is the owner when the one before is gone.
pub(super) enum Elected {
    /// This process: it has the lock.
    Owns(Lock),
    /// Another one, which this one follows.
    Follows(Box<Leader>),
}

/// Competes for the lock, and finds whoever got it.
pub(super) async fn elect(dir: &Path, succession: &Succession) -> Elected {
    loop {
        match Lock::take(dir) {
            Ok(Some(lock)) => return Elected::Owns(lock),
            Ok(None) => {}
            Err(error) => tracing::error!(%error, "cannot tell who owns the data directory"),
        }
        if let Ok(mut stream) = socket::connect(dir).await {
            let draining = succession.left().await;
            let ask = Ask::Follow { protocol: PROTOCOL, draining };
            if pass::say(&mut stream, &ask).await.is_ok() {
                return Elected::Follows(Box::new(Leader::new(stream)));
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
}
