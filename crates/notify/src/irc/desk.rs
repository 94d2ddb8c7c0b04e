//! What the channels of a server and the connection to it know of each other; and what people are answered.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use launcher_model::ServiceName;
use tokio::sync::watch;
use tokio::time::timeout;

use super::ask::{Ask, HELP};
use super::{Channel, IrcServer};
use crate::Answers;

/// An answer has so many lines at the most.
const LINES: usize = 6;
/// An answer takes no longer.
const WITHIN: Duration = Duration::from_secs(10);

/// Whether something can be said in a channel.
#[derive(Debug, Clone)]
struct Room {
    /// How often it was joined.
    joins: u64,
    /// Why nothing can be said; none when it can.
    why_not: Option<String>,
}

/// Shared by the connection and its channels.
pub(super) struct Desk {
    answers: Arc<dyn Answers>,
    channels: Vec<Channel>,
    rooms: watch::Sender<BTreeMap<String, Room>>,
    strange: AtomicU64,
}

impl Desk {
    pub(super) fn new(server: &IrcServer, answers: Arc<dyn Answers>) -> Self {
        let room = || Room { joins: 0, why_not: Some("it is not connected yet".to_owned()) };
        let rooms = server.channels.iter().map(|channel| (channel.name.clone(), room()));
        Self {
            answers,
            channels: server.channels.clone(),
            rooms: watch::Sender::new(rooms.collect()),
            strange: AtomicU64::new(0),
        }
    }

    /// A channel was joined.
    pub(super) fn joined(&self, channel: &str) {
        self.rooms.send_modify(|rooms| {
            if let Some(room) = rooms.get_mut(channel) {
                room.joins += 1;
                room.why_not = None;
            }
        });
    }

    /// A channel cannot be spoken in.
    pub(super) fn left(&self, channel: &str, why: &str) {
        self.rooms.send_modify(|rooms| {
            if let Some(room) = rooms.get_mut(channel) {
                room.why_not = Some(why.to_owned());
            }
        });
    }

    /// The connection is over, which is counted too.
    pub(super) fn disconnected(&self, why: &str, strange: u64) {
        self.strange.fetch_add(strange + 1, Ordering::Relaxed);
        self.rooms.send_modify(|rooms| {
            rooms.values_mut().for_each(|room| room.why_not = Some(why.to_owned()));
        });
    }

    /// Lines of the server that made no sense, and connections that ended, so far.
    pub(super) fn strange(&self) -> u64 {
        self.strange.load(Ordering::Relaxed)
    }

    /// Returns when a channel is joined, with how often it was.
    pub(super) async fn is_joined(&self, channel: &str) -> u64 {
        self.wait_for(channel, |room| room.why_not.is_none()).await
    }

    /// Returns when a channel was joined more often.
    pub(super) async fn is_joined_again(&self, channel: &str, joins: u64) {
        self.wait_for(channel, |room| room.joins > joins && room.why_not.is_none()).await;
    }

    async fn wait_for(&self, channel: &str, condition: impl Fn(&Room) -> bool) -> u64 {
        let mut rooms = self.rooms.subscribe();
        let fits = |rooms: &BTreeMap<String, Room>| rooms.get(channel).is_some_and(&condition);
        // Its sender is here, so it does not go away.
        let _ = rooms.wait_for(fits).await;
        self.joins(channel)
    }

    /// How often a channel was joined.
    pub(super) fn joins(&self, channel: &str) -> u64 {
        self.rooms.borrow().get(channel).map_or(0, |room| room.joins)
    }

    /// Why nothing can be said in a channel.
    pub(super) fn why_not(&self, channel: &str) -> String {
        let rooms = self.rooms.borrow();
        let why = rooms.get(channel).and_then(|room| room.why_not.clone());
        why.unwrap_or_else(|| "it was away a moment ago".to_owned())
    }

    /// The answer to a question from somebody in these channels.
    pub(super) async fn answer(&self, ask: Ask, channels: &[String]) -> Vec<String> {
        let answer = timeout(WITHIN, self.look_up(ask, channels)).await;
        let mut lines = answer.unwrap_or_else(|_| vec!["that takes too long just now".to_owned()]);
        let more = lines.len().saturating_sub(LINES);
        if more > 0 {
            lines.truncate(LINES - 1);
            lines.push(format!("… and {} more", more + 1));
        }
        lines
    }

    async fn look_up(&self, ask: Ask, channels: &[String]) -> Vec<String> {
        let told = |service: &ServiceName| {
            let here = self.channels.iter().filter(|channel| channels.contains(&channel.name));
            here.into_iter().any(|channel| channel.rule.about(service))
        };
        match ask {
            Ask::Help => vec![HELP.to_owned()],
            Ask::Wrong(answer) => vec![answer],
            Ask::Status(None) => {
                let all = self.answers.overview().await;
                let here = all.into_iter().filter(|(service, _)| told(service));
                let lines: Vec<_> =
                    here.map(|(service, how)| format!("{service}: {how}")).collect();
                match lines.is_empty() {
                    true => vec!["there is no service yet".to_owned()],
                    false => lines,
                }
            }
            // Whether there is one of which this channel is told nothing is not told either.
            Ask::Status(Some(service)) | Ask::History(service) if !told(&service) => none(&service),
            Ask::Status(Some(service)) => {
                self.answers.status(&service).await.unwrap_or_else(|| none(&service))
            }
            Ask::History(service) => {
                let lines = self.answers.history(&service).await;
                match lines.unwrap_or_else(|| none(&service)) {
                    none if none.is_empty() => vec![format!("{service} was never deployed")],
                    lines => lines,
                }
            }
        }
    }
}

fn none(service: &ServiceName) -> Vec<String> {
    vec![format!("there is no service {service} that is told of here")]
}
