//! How a server takes this client in: RFC 2812, 3.1, and IRCv3's "SASL Authentication".

use std::collections::VecDeque;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use secrecy::ExposeSecret;
use tokio::time::Instant;

use super::Lost;
use crate::irc::message::Message;
use crate::irc::{IrcServer, Login};
use crate::words::harmless;

/// It takes no longer.
const WITHIN: Duration = Duration::from_secs(60);
/// So many other nicks are tried.
const NICKS: u32 = 8;
/// Servers that say nothing else take nicks of so many characters (RFC 2812, 1.2.1).
const NICK_LENGTH: usize = 9;
/// So much of a login stands in a line.
const CHUNK: usize = 400;

/// How far it is.
pub(super) struct Registration {
    /// None when it is over.
    deadline: Option<Instant>,
    wanted_nick: String,
    tried: u32,
    login: Option<Login>,
    /// The login was accepted.
    logged_in: bool,
}

impl Registration {
    /// Says who is there.
    pub(super) fn begin(server: &IrcServer, lines: &mut VecDeque<String>, now: Instant) -> Self {
        if server.login.is_some() {
            lines.push_back("CAP REQ :sasl".to_owned());
        }
        if let Some(password) = &server.password {
            lines.push_back(format!("PASS :{}", harmless(password.expose_secret())));
        }
        lines.push_back(format!("NICK {}", server.nick));
        lines.push_back("USER launcher 0 * :Rocket Launcher".to_owned());
        Self {
            deadline: Some(now + WITHIN),
            wanted_nick: server.nick.clone(),
            tried: 0,
            login: server.login.clone(),
            logged_in: false,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.deadline.is_none()
    }

    /// Until when it must be over.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Takes a message in; the nick that the server knows, when it is over.
    pub(super) fn heard(
        &mut self,
        message: &Message<'_>,
        lines: &mut VecDeque<String>,
    ) -> Result<Option<String>, Lost> {
        let says = || message.last().to_owned();
        match message.command {
            "CAP" => self.offered(message.param(1), lines)?,
            "AUTHENTICATE" if message.param(0) == "+" => self.log_in(lines),
            "903" => {
                self.logged_in = true;
                lines.push_back("CAP END".to_owned());
            }
            "902" | "904" | "905" | "906" | "908" => {
                return Err(Lost::new(format!("the SASL login was refused: {}", says())));
            }
            // Nick in use, colliding, or not to be had just now.
            "433" | "436" | "437" => lines.push_back(format!("NICK {}", self.another_nick()?)),
            "432" => {
                let nick = &self.wanted_nick;
                return Err(Lost::new(format!(
                    "the server does not take the nick {nick}: {}",
                    says()
                )));
            }
            "464" | "465" | "463" => {
                return Err(Lost::new(format!("the server does not let us in: {}", says())));
            }
            "001" if self.login.is_some() && !self.logged_in => {
                return Err(Lost::new("the server let us in without the SASL login"));
            }
            "001" => {
                self.deadline = None;
                return Ok(Some(message.param(0).to_owned()));
            }
            _ => {}
        }
        Ok(None)
    }

    /// What became of the wish to log in.
    fn offered(&self, answer: &str, lines: &mut VecDeque<String>) -> Result<(), Lost> {
        match answer {
            "ACK" if self.login.is_some() => lines.push_back("AUTHENTICATE PLAIN".to_owned()),
            "NAK" => return Err(Lost::new("the server offers no SASL login; leave sasl out")),
            _ => {}
        }
        Ok(())
    }

    /// RFC 4616, in base64, in lines of 400 bytes of which the last is shorter.
    fn log_in(&self, lines: &mut VecDeque<String>) {
        let Some(Login { user, password }) = &self.login else { return };
        let text = BASE64_STANDARD.encode(format!("{user}\0{user}\0{}", password.expose_secret()));
        let mut rest = text.as_str();
        loop {
            let (chunk, behind) = rest.split_at(rest.len().min(CHUNK));
            let shown = if chunk.is_empty() { "+" } else { chunk };
            lines.push_back(format!("AUTHENTICATE {shown}"));
            if chunk.len() < CHUNK {
                return;
            }
            rest = behind;
        }
    }

    /// The wanted nick with something behind it, in nine characters.
    fn another_nick(&mut self) -> Result<String, Lost> {
        self.tried += 1;
        if self.tried > NICKS {
            let nick = &self.wanted_nick;
            return Err(Lost::new(format!("the nick {nick} and others like it are in use")));
        }
        let behind = if self.tried == 1 { "_".to_owned() } else { format!("_{}", self.tried) };
        let kept = self.wanted_nick.len().min(NICK_LENGTH.saturating_sub(behind.len()));
        let kept = self.wanted_nick.floor_char_boundary(kept);
        Ok(format!("{}{behind}", &self.wanted_nick[..kept]))
    }
}
