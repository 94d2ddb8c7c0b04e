//! What is said to an IRC server and heard from it, on one connection: no sockets, and no clock of its own.
//!
//! A message is told when the server has answered a ping that was sent behind it: what lies in a buffer
//! when a connection dies was told nobody.

mod pending;
mod questions;
mod registration;
mod rooms;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use self::pending::Pending;
use self::questions::{Questions, Turn};
use self::registration::Registration;
use self::rooms::{Room, Rooms};
use super::ask::Ask;
use super::flood::Bucket;
use super::message::{Message, folded};
use super::text::fitted;
use super::{Channel, IrcServer};
use crate::words::{harmless, shortened};

/// Nothing is heard for so long: the server is asked whether it is there, and given up when it is not.
const QUIET: Duration = Duration::from_secs(60);
/// So many lines at once, and one more in so long a time; servers have had enough at about twice that.
const LINES: (u32, Duration) = (5, Duration::from_secs(2));
/// While so many lines wait, no more are taken.
const WAITING: usize = 64;
/// The own nick, when another has it, is asked for again after so long a time.
const REGAIN: Duration = Duration::from_secs(120);
/// No nick or channel is longer, in bytes.
const LONGEST_NAME: usize = 64;
/// The part of a source that is not known yet: `!user@host`.
const UNKNOWN_HOST: usize = 75;

/// Why a connection is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lost(pub(crate) String);

impl Lost {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self(shortened(&harmless(&why.into()), 300).into_owned())
    }
}

/// Lines for a channel, and who wants to know what became of them.
#[derive(Debug)]
pub(crate) struct Say {
    pub(crate) channel: String,
    pub(crate) lines: Vec<String>,
    pub(crate) done: oneshot::Sender<Result<(), String>>,
}

/// What follows from what was heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    /// A channel was joined.
    Joined(String),
    /// A channel cannot be spoken in.
    Left { channel: String, why: String },
    /// Somebody asks something.
    Asked(Question),
}

/// A question, and where its answer goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) ask: Ask,
    /// A channel, or a nick.
    pub(crate) to: String,
    /// The channels whose services may be asked about.
    pub(crate) channels: Vec<String>,
}

/// One connection.
pub(crate) struct Protocol {
    wanted_nick: String,
    nick: String,
    /// How long `nick!user@host` is that others see.
    source_length: usize,
    registration: Registration,
    rooms: Rooms,
    /// Sent at once.
    urgent: VecDeque<String>,
    /// Sent one by one.
    waiting: VecDeque<String>,
    pending: Pending,
    bucket: Bucket,
    questions: Questions,
    heard: Instant,
    /// When the server was asked whether it is there, since it was heard last.
    asked: Option<Instant>,
    regain: Instant,
    /// Lines that made no sense.
    strange: u64,
}

impl Protocol {
    /// A connection on which nothing was said yet.
    pub(crate) fn new(server: &IrcServer, now: Instant) -> Self {
        let mut urgent = VecDeque::new();
        let registration = Registration::begin(server, &mut urgent, now);
        Self {
            wanted_nick: server.nick.clone(),
            nick: server.nick.clone(),
            source_length: server.nick.len() + UNKNOWN_HOST,
            registration,
            rooms: Rooms::new(&server.channels, now),
            urgent,
            waiting: VecDeque::new(),
            pending: Pending::default(),
            bucket: Bucket::new(LINES.0, LINES.1, now),
            questions: Questions::new(now),
            heard: now,
            asked: None,
            regain: now + REGAIN,
            strange: 0,
        }
    }

    /// Lines that made no sense, so far.
    pub(crate) fn strange(&self) -> u64 {
        self.strange
    }

    /// Whether the server has taken this client in.
    pub(crate) fn is_registered(&self) -> bool {
        self.registration.is_over()
    }

    /// Whether more may be said now.
    pub(crate) fn has_room(&self) -> bool {
        self.waiting.len() < WAITING
    }

    /// Whether an answer that is looked up now will find room, however many are.
    fn has_room_for_answers(&self) -> bool {
        self.waiting.len() < WAITING / 2
    }

    /// Says something in a channel.
    pub(crate) fn say(&mut self, say: Say) {
        let Say { channel, lines, done } = say;
        if let Err(why) = self.rooms.may_speak(&channel) {
            // Whoever does not wait for it any more need not know.
            let _ = done.send(Err(why));
            return;
        }
        for line in lines {
            self.queue("PRIVMSG", &channel, &line);
        }
        let token = self.pending.push(channel, done);
        self.waiting.push_back(format!("PING :{token}"));
    }

    /// Answers a question. A notice, which no program answers (RFC 2812, 3.3.2).
    pub(crate) fn answer(&mut self, to: &str, lines: &[String]) {
        for line in lines {
            if self.has_room() {
                self.queue("NOTICE", to, line);
            }
        }
    }

    fn queue(&mut self, command: &str, to: &str, text: &str) {
        let head = format!("{command} {to} :");
        let text = harmless(text);
        let parts = fitted(&text, self.source_length, &head);
        self.waiting.extend(parts.into_iter().map(|part| format!("{head}{part}")));
    }

    /// The next line to be sent, when one may be now.
    pub(crate) fn next_line(&mut self, now: Instant) -> Option<String> {
        if let Some(line) = self.urgent.pop_front() {
            self.bucket.take(now);
            return Some(line);
        }
        if self.waiting.is_empty() || !self.bucket.take(now) {
            return None;
        }
        let line = self.waiting.pop_front()?;
        if let Some(token) = line.strip_prefix("PING :") {
            self.pending.sent(token, now);
        }
        Some(line)
    }

    /// When [`tick`](Self::tick) or [`next_line`](Self::next_line) have something to do without anything
    /// being heard.
    pub(crate) fn due(&self) -> Instant {
        let quiet = self.asked.map_or(self.heard + QUIET, |asked| asked + QUIET);
        let line = (!self.waiting.is_empty()).then(|| self.bucket.ready_at());
        let told = self.pending.deadline();
        let regain = (self.is_registered() && !self.has_own_nick()).then_some(self.regain);
        let registered = self.registration.deadline();
        let rejoin = if self.is_registered() { self.rooms.next_join() } else { None };
        let question = self.questions.due().filter(|_| self.has_room_for_answers());
        [line, told, regain, registered, rejoin, question]
            .into_iter()
            .flatten()
            .fold(quiet, Instant::min)
    }

    /// Does what time alone asks for; what follows from it.
    pub(crate) fn tick(&mut self, now: Instant) -> Result<Vec<Effect>, Lost> {
        if self.registration.deadline().is_some_and(|deadline| deadline <= now) {
            return Err(Lost::new("the server does not take this client in"));
        }
        if self.pending.deadline().is_some_and(|deadline| deadline <= now) {
            return Err(Lost::new("the server does not answer what it is told"));
        }
        match self.asked {
            Some(asked) if asked + QUIET <= now => {
                return Err(Lost::new("the server has fallen silent"));
            }
            None if self.heard + QUIET <= now => {
                self.asked = Some(now);
                self.urgent.push_back("PING :there".to_owned());
            }
            _ => {}
        }
        if self.is_registered() {
            self.urgent.extend(self.rooms.join_due(now));
            if !self.has_own_nick() && self.regain <= now {
                self.ask_for_nick(now);
            }
        }
        let next = if self.has_room_for_answers() { self.questions.next(now) } else { None };
        Ok(next.map(Effect::Asked).into_iter().collect())
    }

    /// Takes a line in.
    pub(crate) fn heard(&mut self, line: &[u8], now: Instant) -> Result<Vec<Effect>, Lost> {
        (self.heard, self.asked) = (now, None);
        let line = String::from_utf8_lossy(line);
        if line.trim_end_matches('\r').is_empty() {
            return Ok(Vec::new());
        }
        let Some(message) = Message::parse(&line) else {
            self.strange += 1;
            return Ok(Vec::new());
        };
        match message.command {
            "PING" => {
                let token = fitted(&harmless(message.last()), 0, "PONG :");
                let token = token.first().map(String::as_str).unwrap_or_default();
                self.urgent.push_back(format!("PONG :{token}"));
                Ok(Vec::new())
            }
            "PONG" => {
                self.pending.answered(message.last());
                Ok(Vec::new())
            }
            "ERROR" => {
                Err(Lost::new(format!("the server closed the connection: {}", message.last())))
            }
            _ if !self.is_registered() => self.register(&message, now),
            _ => Ok(self.listen(&message, now)),
        }
    }

    fn register(&mut self, message: &Message<'_>, now: Instant) -> Result<Vec<Effect>, Lost> {
        if let Some(nick) = self.registration.heard(message, &mut self.urgent)? {
            self.nick = nick;
            self.source_length = self.nick.len() + UNKNOWN_HOST;
            self.urgent.extend(self.rooms.join_due(now));
        }
        Ok(Vec::new())
    }

    fn listen(&mut self, message: &Message<'_>, now: Instant) -> Vec<Effect> {
        let ours = !self.nick.is_empty() && folded(message.nick()) == folded(&self.nick);
        match message.command {
            "NICK" => self.renamed(message, ours, now),
            "JOIN" if ours => return self.joined(message),
            "PART" if ours => return self.put_out(message.param(0), "it was left", now),
            "KICK" if folded(message.param(1)) == folded(&self.nick) => {
                let why = format!("{} put us out: {}", message.nick(), message.last());
                return self.put_out(message.param(0), &why, now);
            }
            "INVITE" => self.urgent.extend(self.rooms.invited(message.param(1))),
            "JOIN" | "PART" | "KICK" | "QUIT" | "353" => {
                self.rooms.moved(message);
                if message.command == "QUIT" {
                    self.nick_is_free(message.nick(), now);
                }
            }
            "PRIVMSG" if !ours => return self.spoken_to(message, now).into_iter().collect(),
            "404" => self.not_spoken(message),
            // What is refused of a channel that we are in is something else, such as another nick.
            code if rooms::is_refused(code) && self.rooms.joined_as(message.param(1)).is_none() => {
                let why = format!("the server says: {}", message.last());
                return self.put_out(message.param(1), &why, now);
            }
            _ => {}
        }
        Vec::new()
    }

    fn joined(&mut self, message: &Message<'_>) -> Vec<Effect> {
        self.source_length = message.source.map_or(self.source_length, str::len).min(200);
        self.rooms.joined(message.param(0)).map(Effect::Joined).into_iter().collect()
    }

    fn put_out(&mut self, channel: &str, why: &str, now: Instant) -> Vec<Effect> {
        let why = Lost::new(why).0;
        let Some(channel) = self.rooms.left(channel, &why, now) else { return Vec::new() };
        self.pending.fail(&channel, &why);
        vec![Effect::Left { channel, why }]
    }

    fn has_own_nick(&self) -> bool {
        folded(&self.nick) == folded(&self.wanted_nick)
    }

    fn renamed(&mut self, message: &Message<'_>, ours: bool, now: Instant) {
        let (before, after) = (message.nick(), message.param(0));
        if ours && !after.is_empty() {
            self.nick = after.to_owned();
        } else {
            self.rooms.renamed(before, after);
            self.nick_is_free(before, now);
        }
    }

    /// Somebody's nick is free; it may be the one that was taken from us.
    fn nick_is_free(&mut self, nick: &str, now: Instant) {
        if !self.has_own_nick() && folded(nick) == folded(&self.wanted_nick) {
            self.ask_for_nick(now);
        }
    }

    fn ask_for_nick(&mut self, now: Instant) {
        self.regain = now + REGAIN;
        self.urgent.push_back(format!("NICK {}", self.wanted_nick));
    }

    fn spoken_to(&mut self, message: &Message<'_>, now: Instant) -> Option<Effect> {
        let (target, asker) = (message.param(0), message.nick());
        let private = folded(target) == folded(&self.nick);
        let ask = Ask::parse(message.last(), private)?;
        let (to, channels) = match private {
            true => (asker.to_owned(), self.rooms.with(asker)),
            false => {
                let channel = self.rooms.joined_as(target)?;
                (channel.clone(), vec![channel])
            }
        };
        // Nobody who is in none of the channels has any business here, and nobody has such a nick.
        let is_nobody = channels.is_empty() || to.is_empty() || to.len() > LONGEST_NAME;
        if is_nobody {
            return None;
        }
        match self.questions.ask(Question { ask, to: to.clone(), channels }, now) {
            Turn::Now(question) => Some(Effect::Asked(question)),
            Turn::Later => None,
            Turn::Never { say_so } => {
                if say_so {
                    self.answer(&to, &[questions::TOO_MANY.to_owned()]);
                }
                None
            }
        }
    }

    /// The server has said that a message did not reach a channel.
    fn not_spoken(&mut self, message: &Message<'_>) {
        let why = Lost::new(format!("the server says: {}", message.last())).0;
        self.pending.fail(message.param(1), &why);
    }

    /// Whoever waits is told why it was in vain.
    pub(crate) fn end(&mut self, why: &Lost) {
        self.pending.fail_all(&why.0);
    }

    /// What a server is left with.
    pub(crate) fn farewell() -> &'static str {
        "QUIT :the server of Rocket Launcher stops"
    }
}

impl Channel {
    fn room(&self, now: Instant) -> Room {
        Room::new(self.name.clone(), self.key.clone(), now)
    }
}
