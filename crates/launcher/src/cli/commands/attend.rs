//! `exec`: a conversation with a command in a container. With a terminal at both ends of this program it has one
//! there too; else what a pipe brings is its input, and its output is passed on byte by byte.

use std::io::{IsTerminal, Write, stderr, stdin, stdout};
use std::time::Duration;

use crossterm::terminal;
use futures_util::stream::{SplitSink, StreamExt};
use futures_util::{FutureExt, SinkExt};
use serde::Deserialize;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::signal::unix::{SignalKind, signal};
use tokio_tungstenite::tungstenite::Message;

use super::execute::ended;
use super::{Context, number};
use crate::cli::Failure;
use crate::cli::args::client::Exec;
use crate::cli::client::Socket;
use crate::cli::foreign::harmless;
use crate::cli::output::{Printed, say};

/// So much input is sent at once, in bytes.
const PART: usize = 16 * 1024;
/// What else the server has to say when a command has ended may take so long.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// What a message of bytes begins with: to where they were printed.
const STDOUT: u8 = 1;
const STDERR: u8 = 2;

/// What the server says besides bytes.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Told {
    Began {},
    Exit {
        code: i64,
    },
    Over {
        detail: String,
    },
    #[serde(other)]
    Else,
}

pub(super) async fn exec((context, exec): (Context, Exec)) -> Result<(), Failure> {
    let is_terminal = stdin().is_terminal() && stdout().is_terminal();
    let size = if is_terminal { Some(size()) } else { None };
    let number = number(exec.version);
    let path = ["services", exec.service.as_str(), "versions", &number, "exec"];
    let (columns, rows) = size.unwrap_or_default();
    let slot = exec.slot.map(|slot| slot.to_string());
    let (columns, rows) = (columns.to_string(), rows.to_string());
    let mut query: Vec<_> = exec.command.iter().map(|part| ("command", part.as_str())).collect();
    query.extend(exec.container.as_deref().map(|name| ("container", name)));
    query.extend(slot.as_deref().map(|slot| ("slot", slot)));
    if size.is_some() {
        query.extend([("columns", columns.as_str()), ("rows", rows.as_str())]);
    }
    let socket = context.client.converse(&path, &query).await?;
    let raw = if size.is_some() { Some(Raw::enter()?) } else { None };
    let (to, mut from) = socket.split();
    let feeding = tokio::spawn(feed(to, size.is_some()));
    let mut ending = Ending { code: None, detail: None };
    let mut printer = Printer::new(size.is_some());
    let broken = loop {
        let next = from.next();
        let message = match ending.code {
            None => next.await,
            Some(_) => tokio::time::timeout(LAST_WORDS, next).await.unwrap_or_default(),
        };
        match message {
            Some(Ok(Message::Binary(bytes))) => printer.print(&bytes)?,
            Some(Ok(Message::Text(text))) => {
                ending.hear(serde_json::from_str(&text).unwrap_or(Told::Else));
            }
            Some(Ok(Message::Close(_))) | None => break "the server ended it".to_owned(),
            Some(Ok(_)) => {}
            Some(Err(error)) => break error.to_string(),
        }
    };
    feeding.abort();
    printer.finish()?;
    // What is said now is for a terminal as it was.
    drop(raw);
    match ending {
        Ending { code: Some(code), detail } => {
            if let Some(detail) = detail {
                say(&detail);
            }
            ended(code)
        }
        Ending { code: None, detail: Some(detail) } => Err(Failure::Senseless(detail)),
        Ending { code: None, detail: None } => Err(context.client.hung_up(broken)),
    }
}

/// What a terminal is said to be that does not know its size.
const USUAL: (u16, u16) = (80, 24);

/// How wide the terminal is, and how high.
fn size() -> (u16, u16) {
    terminal::size().ok().filter(|(columns, rows)| *columns > 0 && *rows > 0).unwrap_or(USUAL)
}

/// How a conversation ends.
struct Ending {
    code: Option<i64>,
    detail: Option<String>,
}

impl Ending {
    fn hear(&mut self, told: Told) {
        match told {
            Told::Exit { code } => self.code = Some(code),
            Told::Over { detail } => self.detail = Some(harmless(&detail).into_owned()),
            Told::Began {} | Told::Else => {}
        }
    }
}

/// Sends what comes in here, and which size the terminal has.
async fn feed(mut to: SplitSink<Socket, Message>, has_terminal: bool) {
    let mut input = tokio::io::stdin();
    let mut sizes = has_terminal.then(|| signal(SignalKind::window_change()).ok()).flatten();
    let mut part = vec![0; PART];
    let mut open = true;
    loop {
        let resized = match &mut sizes {
            Some(sizes) => sizes.recv().left_future(),
            None => std::future::pending().right_future(),
        };
        let message = tokio::select! {
            read = input.read(&mut part), if open => match read {
                Ok(bytes @ 1..) => Message::binary(part[..bytes].to_vec()),
                Ok(0) | Err(_) => {
                    open = false;
                    Message::text(json!({ "kind": "end" }).to_string())
                }
            },
            Some(()) = resized => {
                let (columns, rows) = size();
                Message::text(json!({ "kind": "resize", "columns": columns, "rows": rows }).to_string())
            }
            else => return,
        };
        if to.send(message).await.is_err() {
            return;
        }
        if !open && sizes.is_none() {
            return;
        }
    }
}

/// A terminal that passes on every key. It is again as it was when this is dropped.
struct Raw;

impl Raw {
    fn enter() -> Result<Self, Failure> {
        terminal::enable_raw_mode().map_err(Failure::io("prepare the terminal"))?;
        Ok(Self)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = terminal::disable_raw_mode();
    }
}

/// Prints what a command printed: as it is where that goes to a program or comes from a terminal, and else line
/// by line, without what a terminal would obey.
struct Printer {
    out: Printed,
    err: Printed,
}

impl Printer {
    fn new(as_it_is: bool) -> Self {
        Self {
            out: Printed::new(!as_it_is && stdout().is_terminal()),
            err: Printed::new(!as_it_is && stderr().is_terminal()),
        }
    }

    fn print(&mut self, message: &[u8]) -> Result<(), Failure> {
        match message.split_first() {
            Some((&STDOUT, bytes)) => self.out.write(bytes, &mut stdout().lock()),
            Some((&STDERR, bytes)) => self.err.write(bytes, &mut stderr().lock()),
            _ => Ok(()),
        }
    }

    fn finish(&mut self) -> Result<(), Failure> {
        self.out.finish(&mut stdout().lock())?;
        self.err.finish(&mut stderr().lock())?;
        stdout().flush().map_err(Failure::io("write to standard output"))
    }
}
