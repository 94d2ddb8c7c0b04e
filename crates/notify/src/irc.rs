//! IRC: one connection for each server, with all its channels.

mod ask;
mod connect;
mod desk;
mod flood;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzz;
mod message;
mod protocol;
mod session;
mod text;

#[cfg(test)]
mod session_tests;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use self::desk::Desk;
use self::protocol::Say;
use crate::line::Line;
use crate::rule::Rule;
use crate::sink::{Parcel, Sink, Takes};
use crate::{Answers, Refusal, Result};

pub(crate) use self::connect::Connection;

/// So many lines are sent before the server is asked whether it has them.
const AT_ONCE: NonZeroUsize = NonZeroUsize::new(5).expect("it is more than none");
/// So many of the events that wait are told one by one.
const NEWEST: NonZeroUsize = NonZeroUsize::new(20).expect("it is more than none");
/// A channel is waited for so long, such as right after a start.
const JOINED: Duration = Duration::from_secs(5);
/// Whatever is said has come to something after so long a time.
const SAID: Duration = Duration::from_secs(240);

/// An IRC server, and what is told there.
#[derive(Debug, Clone)]
pub struct IrcServer {
    /// What it is called here.
    pub name: String,
    /// Its host name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// TLS; none for plain text.
    pub tls: Option<IrcTls>,
    /// Our nick there.
    pub nick: String,
    /// The server's password, where it has one.
    pub password: Option<SecretString>,
    /// The account that is logged in to (SASL PLAIN).
    pub login: Option<Login>,
    /// The channels that are joined.
    pub channels: Vec<Channel>,
}

/// How a server is trusted.
#[derive(Debug, Clone, Default)]
pub struct IrcTls {
    /// Its authority's certificates in PEM; those that this machine trusts when it is none.
    pub authority: Option<Vec<u8>>,
}

/// An account.
#[derive(Debug, Clone)]
pub struct Login {
    /// Its name.
    pub user: String,
    /// Its password.
    pub password: SecretString,
}

/// A channel, and what is told there.
#[derive(Debug, Clone)]
pub struct Channel {
    /// Its name, such as `#deploys`.
    pub name: String,
    /// What opens it, where something must.
    pub key: Option<SecretString>,
    /// What is told there, and what may be asked about.
    pub rule: Rule,
}

/// One channel, as a place that messages go to.
pub(crate) struct ChannelSink {
    channel: String,
    says: mpsc::Sender<Say>,
    desk: Arc<Desk>,
    /// How often the channel had been joined when something was sent last.
    joins: AtomicU64,
}

/// Begins to speak with a server; what its channels are sent to.
pub(crate) fn begin(
    server: &IrcServer,
    answers: Arc<dyn Answers>,
) -> Result<(Connection, Vec<Arc<dyn Sink>>)> {
    let desk = Arc::new(Desk::new(server, answers));
    let (says, heard) = mpsc::channel(8);
    let connection = Connection::new(server.clone(), heard, Arc::clone(&desk))?;
    let sinks = server.channels.iter().map(|channel| {
        let (channel, says, desk) = (channel.name.clone(), says.clone(), Arc::clone(&desk));
        Arc::new(ChannelSink { channel, says, desk, joins: AtomicU64::new(0) }) as Arc<dyn Sink>
    });
    Ok((connection, sinks.collect()))
}

#[async_trait]
impl Sink for ChannelSink {
    fn takes(&self) -> Takes {
        Takes::Lines { at_once: AT_ONCE, newest: NEWEST }
    }

    async fn send(&self, parcel: &Parcel) -> std::result::Result<(), Refusal> {
        let joined = timeout(JOINED, self.desk.is_joined(&self.channel)).await;
        let Ok(joins) = joined else {
            self.joins.store(self.desk.joins(&self.channel), Ordering::Relaxed);
            return Err(Refusal::later(self.desk.why_not(&self.channel)));
        };
        self.joins.store(joins, Ordering::Relaxed);
        let lines = parcel.lines.iter().map(Line::plain).collect();
        let (done, outcome) = oneshot::channel();
        let say = Say { channel: self.channel.clone(), lines, done };
        let gone = || Refusal::later("the connection to the server is over");
        self.says.send(say).await.map_err(|_| gone())?;
        match timeout(SAID, outcome).await {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(why))) => Err(Refusal::later(why)),
            Ok(Err(_)) => Err(gone()),
            Err(_) => Err(Refusal::later("the server did not take it in time")),
        }
    }

    async fn is_back(&self) {
        self.desk.is_joined_again(&self.channel, self.joins.load(Ordering::Relaxed)).await;
    }

    fn strange(&self) -> u64 {
        self.desk.strange()
    }
}
