//! Doors to what IRC servers say.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::IrcServer;
use super::ask::Ask;
use super::message::Message;
use super::protocol::{Protocol, Say};

/// A connection, and the time on it.
pub struct IrcTalk {
    protocol: Protocol,
    now: Instant,
}

impl IrcTalk {
    /// One with this server.
    #[must_use]
    pub fn new(server: &IrcServer) -> Self {
        let now = Instant::now();
        Self { protocol: Protocol::new(server, now), now }
    }

    /// Takes a line in; false when the connection is over.
    pub fn hear(&mut self, line: &[u8]) -> bool {
        self.protocol.heard(line, self.now).is_ok()
    }

    /// Says something in a channel, where there is room.
    pub fn say(&mut self, channel: &str, line: &str) {
        let (done, _) = oneshot::channel();
        if self.protocol.has_room() {
            let (channel, lines) = (channel.to_owned(), vec![line.to_owned()]);
            self.protocol.say(Say { channel, lines, done });
        }
    }

    /// Lets so many seconds pass; false when the connection is over.
    pub fn pass(&mut self, seconds: u64) -> bool {
        self.now += Duration::from_secs(seconds);
        self.protocol.tick(self.now).is_ok()
    }

    /// The next line that is sent.
    pub fn sent(&mut self) -> Option<String> {
        self.protocol.next_line(self.now)
    }
}

/// The source, the command and the parameters of a line.
#[must_use]
pub fn irc_message(line: &str) -> Option<(Option<&str>, &str, Vec<&str>)> {
    Message::parse(line).map(|message| (message.source, message.command, message.params))
}

/// What is said to a question that is none; nothing to one, and to what is no question.
#[must_use]
pub fn irc_complaint(text: &str, private: bool) -> Option<String> {
    match Ask::parse(text, private)? {
        Ask::Wrong(why) => Some(why),
        Ask::Status(_) | Ask::History(_) | Ask::Help => None,
    }
}
