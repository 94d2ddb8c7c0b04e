//! A command that somebody has a conversation with, over a WebSocket: bytes go in and out, until the command
//! ends, its caller goes, or its caller may no longer be there.

use std::future::pending;
use std::time::Duration;

use axum::body::Bytes;
use futures_util::stream::{BoxStream, SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use jiff::SignedDuration;
use launcher_model::container::Container;
use launcher_model::event::Event;
use launcher_model::plan::environment::Checked;
use launcher_model::role::Role;
use launcher_scheduler::{Input, Piece, TerminalSize};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc};
use tokio::time::{Instant, interval_at, timeout};
use tokio_tungstenite::tungstenite::Message;

use crate::App;
use crate::auth::{Principal, Via};
use crate::http::websocket::Socket;
use crate::serve::Stopping;

/// What lies between keeps a connection for longer than this. Whether somebody is still at the other end is
/// for TCP to find out: one who pauses what they read is.
const ASK_EVERY: Duration = Duration::from_secs(20);
/// A session's end is waited for at least so long.
const A_MOMENT: SignedDuration = SignedDuration::from_secs(1);
/// The last words of a conversation may take so long.
const FAREWELL: Duration = Duration::from_secs(2);
/// A command that dies with its container ends a moment before that is seen.
const CONTAINER_ENDS: Duration = Duration::from_secs(2);
/// Statuses of what a signal ended are above this.
const BY_SIGNAL: i64 = 128;

/// What a message of bytes begins with: to where they were printed.
const STDOUT: u8 = 1;
const STDERR: u8 = 2;

/// What a caller says besides bytes, which are the command's input.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum Said {
    /// Their terminal has another size.
    Resize { columns: u16, rows: u16 },
    /// There is no more input.
    End {},
}

/// What a caller is told besides bytes.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Told<'a> {
    /// The command runs.
    Began { container: &'a str, id: &'a str, host: &'a str },
    /// It has ended.
    Exit { code: i64 },
    /// Why the conversation ends, where it is not the command's end alone.
    Over { detail: &'a str },
}

impl Told<'_> {
    fn message(&self) -> Message {
        // Strings and numbers become JSON.
        Message::text(serde_json::to_string(self).unwrap_or_default())
    }
}

/// Tells why there will be no conversation, and ends it.
pub(super) async fn refuse(socket: Socket, detail: &str) {
    farewell(&mut socket.split().0, Some(detail)).await;
}

async fn farewell(to: &mut SplitSink<Socket, Message>, detail: Option<&str>) {
    let said = timeout(FAREWELL, async {
        if let Some(detail) = detail {
            to.send(Told::Over { detail }.message()).await?;
        }
        to.close().await
    });
    // Who is gone hears nothing.
    let _ = said.await;
}

/// A command that has begun, and what its input and output go through.
pub(super) struct Begun {
    pub(super) output: BoxStream<'static, launcher_scheduler::Result<Piece>>,
    pub(super) input: mpsc::Sender<Input>,
}

/// Whose conversation it is, and where.
pub(super) struct Attendance {
    pub(super) app: App,
    pub(super) who: Principal,
    pub(super) container: Container,
    pub(super) stopping: Stopping,
}

impl Attendance {
    /// Passes on what is said, until the end.
    pub(super) async fn attend(self, begun: Begun, socket: Socket) {
        let Begun { mut output, input } = begun;
        let (mut to, from) = socket.split();
        let (reading, unfit) = (read(from, input), self.unfit());
        tokio::pin!(reading, unfit);
        let mut asks = interval_at(Instant::now() + ASK_EVERY, ASK_EVERY);
        let mut next = self.began();
        loop {
            tokio::select! {
                sent = to.send(next) => if sent.is_err() { return },
                why = &mut unfit => return farewell(&mut to, Some(&why)).await,
                why = &mut reading => return farewell(&mut to, why).await,
            }
            let piece = tokio::select! {
                piece = output.next() => piece,
                _ = asks.tick() => {
                    next = Message::Ping(Bytes::new());
                    continue;
                }
                why = &mut unfit => return farewell(&mut to, Some(&why)).await,
                why = &mut reading => return farewell(&mut to, why).await,
            };
            next = match piece {
                Some(Ok(Piece::Stdout(bytes))) => printed(STDOUT, &bytes),
                Some(Ok(Piece::Stderr(bytes))) => printed(STDERR, &bytes),
                Some(Ok(Piece::Exit { code })) => {
                    let told = timeout(FAREWELL, to.send(Told::Exit { code }.message())).await;
                    let why = match told {
                        Ok(Ok(())) if code > BY_SIGNAL => timeout(CONTAINER_ENDS, unfit).await.ok(),
                        _ => None,
                    };
                    return farewell(&mut to, why.as_deref()).await;
                }
                Some(Err(error)) => return farewell(&mut to, Some(&error.to_string())).await,
                None => return farewell(&mut to, Some("the engine broke off")).await,
            };
        }
    }

    fn began(&self) -> Message {
        let Container { name, id, host, .. } = &self.container;
        Told::Began { container: name, id, host }.message()
    }

    /// Waits until there may be no conversation any more, and says why.
    async fn unfit(&self) -> String {
        tokio::select! {
            () = self.stopping.told() => "the server stops; begin again in a moment".to_owned(),
            () = self.ended() => format!("the container {} has ended", self.container.name),
            why = self.barred() => why,
        }
    }

    /// Waits until the container has ended.
    async fn ended(&self) {
        let Container { service, id, .. } = &self.container;
        let control = &self.app.control;
        let Some(mut looks) = control.looks(service) else { return };
        let runs = |one: &Checked| one.container.id == *id && one.container.is_running();
        while control.observed(service).iter().any(runs) {
            if looks.changed().await.is_err() {
                return;
            }
        }
    }

    /// Waits until the caller may not be there any more, and says why.
    async fn barred(&self) -> String {
        let store = &self.app.store;
        let (mut events, mut sessions) = (store.watch(), store.watch_sessions());
        loop {
            if let Some(why) = self.why_not().await {
                return why;
            }
            let goes_on = tokio::select! {
                told = of_people(&mut events) => told,
                ended = sessions.changed() => ended.is_ok(),
                () = self.expired() => true,
            };
            if !goes_on {
                return "the server stops".to_owned();
            }
        }
    }

    /// Waits for the moment at which the caller's session ends by itself.
    async fn expired(&self) {
        let Via::Session { expires_at, .. } = self.who.via else { return pending().await };
        let left = expires_at.duration_since(self.app.now()).max(A_MOMENT);
        tokio::time::sleep(left.unsigned_abs()).await;
    }

    async fn why_not(&self) -> Option<String> {
        let service = &self.container.service;
        let Some(now) = self.who.again(&self.app).await else {
            let what = if self.who.session().is_some() { "session" } else { "token" };
            return Some(format!("your {what} is not valid any more: come in again"));
        };
        let may = now.roles.include_on(Role::Admin, service);
        (!may).then(|| now.not_allowed(&format!("{} on {service}", Role::Admin), Role::Admin))
    }
}

/// Waits for an event that is not about a service: it may be about people and tokens. False when there are no
/// more.
async fn of_people(events: &mut broadcast::Receiver<Event>) -> bool {
    loop {
        match events.recv().await {
            Ok(event) if event.service.is_some() => {}
            Ok(_) | Err(RecvError::Lagged(_)) => return true,
            Err(RecvError::Closed) => return false,
        }
    }
}

fn printed(to: u8, bytes: &[u8]) -> Message {
    let mut message = Vec::with_capacity(1 + bytes.len());
    message.push(to);
    message.extend_from_slice(bytes);
    Message::binary(message)
}

/// Hands on what a caller says, until they go; what of it cannot be understood ends the conversation.
async fn read(mut from: SplitStream<Socket>, input: mpsc::Sender<Input>) -> Option<&'static str> {
    let mut input = Some(input);
    while let Some(Ok(message)) = from.next().await {
        let given = match message {
            Message::Binary(bytes) => Input::Bytes(bytes),
            Message::Text(text) => match serde_json::from_str(&text) {
                Ok(Said::Resize { columns, rows }) => Input::Resize(TerminalSize { columns, rows }),
                Ok(Said::End {}) => {
                    input = None;
                    continue;
                }
                Err(_) => {
                    return Some(
                        "a message of text is {\"kind\": \"resize\", \"columns\": 80, \"rows\": 24} or \
                         {\"kind\": \"end\"}; input comes in messages of bytes",
                    );
                }
            },
            Message::Close(_) => return None,
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => continue,
        };
        if let Some(input) = &input {
            // A command that has ended takes none; its end is on its way.
            let _ = input.send(given).await;
        }
    }
    None
}
