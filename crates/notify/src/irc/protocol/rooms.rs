//! The channels: whether we are in, and who else is.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use super::LONGEST_NAME;
use crate::irc::Channel;
use crate::irc::message::{Message, folded};

/// After being put out, or not let in, so much time passes until it is tried again.
const REJOIN: Duration = Duration::from_secs(60);
/// A join is answered within so long a time, or asked for again.
const JOINED: Duration = Duration::from_secs(60);
/// So many people are remembered of each channel.
const PEOPLE: usize = 5_000;

/// One channel.
pub(super) struct Room {
    name: String,
    key: Option<SecretString>,
    joined: bool,
    /// Why not.
    why: String,
    /// When it is joined, or asked for again.
    join_at: Instant,
    /// The nicks of those in it.
    people: HashSet<String>,
}

impl Room {
    pub(super) fn new(name: String, key: Option<SecretString>, now: Instant) -> Self {
        let why = "the channel is not joined yet".to_owned();
        Self { name, key, joined: false, why, join_at: now, people: HashSet::new() }
    }

    fn join(&self) -> String {
        match &self.key {
            Some(key) => format!("JOIN {} {}", self.name, key.expose_secret()),
            None => format!("JOIN {}", self.name),
        }
    }

    fn add(&mut self, nick: &str) {
        // What stands before it says what it may do here.
        let nick = nick.trim_start_matches(['~', '&', '@', '%', '+', '!']);
        let nick = nick.split('!').next().unwrap_or_default();
        let fits = !nick.is_empty() && nick.len() <= LONGEST_NAME;
        if self.people.len() < PEOPLE && fits {
            self.people.insert(folded(nick));
        }
    }

    fn remove(&mut self, nick: &str) {
        self.people.remove(&folded(nick));
    }
}

/// All that are wanted, by their folded names.
pub(super) struct Rooms(BTreeMap<String, Room>);

impl Rooms {
    pub(super) fn new(channels: &[Channel], now: Instant) -> Self {
        Self(channels.iter().map(|one| (folded(&one.name), one.room(now))).collect())
    }

    /// Whether something can be said there; why not, when it cannot.
    pub(super) fn may_speak(&self, channel: &str) -> Result<(), String> {
        match self.0.get(&folded(channel)) {
            Some(room) if room.joined => Ok(()),
            Some(room) => Err(room.why.clone()),
            None => Err(format!("{channel} is none of the channels")),
        }
    }

    /// When one is joined next.
    pub(super) fn next_join(&self) -> Option<Instant> {
        self.0.values().filter(|room| !room.joined).map(|room| room.join_at).min()
    }

    /// The lines that join what is to be joined now.
    pub(super) fn join_due(&mut self, now: Instant) -> Vec<String> {
        let due = self.0.values_mut().filter(|room| !room.joined && room.join_at <= now);
        due.map(|room| {
            room.join_at = now + JOINED;
            room.join()
        })
        .collect()
    }

    /// Somebody has invited us: that may be what was missing.
    pub(super) fn invited(&self, channel: &str) -> Option<String> {
        self.0.get(&folded(channel)).filter(|room| !room.joined).map(Room::join)
    }

    /// We are in; the name by which the channel is configured.
    pub(super) fn joined(&mut self, channel: &str) -> Option<String> {
        let room = self.0.get_mut(&folded(channel))?;
        room.joined = true;
        room.people.clear();
        Some(room.name.clone())
    }

    /// We are not; the name by which the channel is configured.
    pub(super) fn left(&mut self, channel: &str, why: &str, now: Instant) -> Option<String> {
        let room = self.0.get_mut(&folded(channel))?;
        room.joined = false;
        room.why = why.to_owned();
        room.join_at = now + REJOIN;
        room.people.clear();
        Some(room.name.clone())
    }

    /// The name of a channel that is joined, as it is configured.
    pub(super) fn joined_as(&self, channel: &str) -> Option<String> {
        self.0.get(&folded(channel)).filter(|room| room.joined).map(|room| room.name.clone())
    }

    /// The channels that somebody is in.
    pub(super) fn with(&self, nick: &str) -> Vec<String> {
        let nick = folded(nick);
        let rooms = self.0.values().filter(|room| room.joined && room.people.contains(&nick));
        rooms.map(|room| room.name.clone()).collect()
    }

    /// Others came or went, or the server says who is there.
    pub(super) fn moved(&mut self, message: &Message<'_>) {
        match message.command {
            "QUIT" => {
                let nick = message.nick();
                self.0.values_mut().for_each(|room| room.remove(nick));
            }
            "353" => {
                if let Some(room) = self.0.get_mut(&folded(message.param(2))) {
                    message.last().split(' ').for_each(|nick| room.add(nick));
                }
            }
            command => {
                let Some(room) = self.0.get_mut(&folded(message.param(0))) else { return };
                match command {
                    "JOIN" => room.add(message.nick()),
                    "KICK" => room.remove(message.param(1)),
                    _ => room.remove(message.nick()),
                }
            }
        }
    }

    /// Somebody has another nick.
    pub(super) fn renamed(&mut self, before: &str, after: &str) {
        for room in self.0.values_mut() {
            if room.people.remove(&folded(before)) {
                room.add(after);
            }
        }
    }
}

/// The numbers with which servers say that a channel is not joined: RFC 2812, 5.2, and what others added.
pub(super) fn is_refused(code: &str) -> bool {
    matches!(
        code,
        "403"
            | "405"
            | "407"
            | "437"
            | "471"
            | "473"
            | "474"
            | "475"
            | "476"
            | "477"
            | "480"
            | "485"
            | "489"
            | "520"
    )
}
