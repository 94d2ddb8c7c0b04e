//! A visitor with a WebSocket, who says something now and then and wants it back.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use super::Crowd;

type Socket = WebSocketStream<TcpStream>;

/// From one message to the next.
const PAUSE: Duration = Duration::from_millis(100);
/// From a WebSocket to the next one of the same visitor.
const RECONNECT: Duration = Duration::from_millis(100);
/// How long a message may take to come back.
const PATIENCE: Duration = Duration::from_secs(10);
/// Every other visitor leaves by itself after so many messages, and comes again.
const MESSAGES: usize = 10;

/// Talks until the load ends.
pub(super) async fn come(crowd: Crowd, number: usize) {
    let messages = if number.is_multiple_of(2) { usize::MAX } else { MESSAGES };
    while !crowd.stop.is_cancelled() {
        match open(&crowd).await {
            Ok(socket) => {
                if talk(&crowd, socket, messages).await.is_err() {
                    crowd.seen.closed("a WebSocket");
                }
            }
            Err(error) => crowd.seen.failed(format!("a WebSocket: {error:#}")),
        }
        tokio::select! {
            () = crowd.stop.cancelled() => {}
            () = tokio::time::sleep(RECONNECT) => {}
        }
    }
}

/// Opens one, and takes its first message, which is the version that it leads to.
async fn open(crowd: &Crowd) -> Result<Socket> {
    crowd.seen.sent();
    let asked = Instant::now();
    let request = format!("ws://{}/ws", crowd.door.host).into_client_request()?;
    let stream = crowd.door.connect().await?;
    let (mut socket, _) = tokio_tungstenite::client_async(request, stream).await?;
    let version = receive(&mut socket).await?;
    let version = version.parse().context("it did not begin with its version")?;
    crowd.seen.answered(version);
    if !crowd.live.was(version, asked, Instant::now()) {
        crowd.seen.wrong_version(version);
    }
    Ok(socket)
}

/// Sends so many messages, or until the load ends.
async fn talk(crowd: &Crowd, mut socket: Socket, messages: usize) -> Result<()> {
    for number in 0..messages {
        let message = number.to_string();
        socket.send(Message::text(message.clone())).await?;
        if receive(&mut socket).await? != message {
            bail!("something else came back");
        }
        crowd.seen.echoed();
        tokio::select! {
            () = crowd.stop.cancelled() => break,
            early = socket.next() => bail!("it was closed, or said {early:?} unasked"),
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
    socket.close(None).await?;
    let goodbye = async { while let Some(Ok(_)) = socket.next().await {} };
    tokio::time::timeout(PATIENCE, goodbye).await.context("it was not closed when it should be")
}

async fn receive(socket: &mut Socket) -> Result<String> {
    let message = tokio::time::timeout(PATIENCE, socket.next()).await.context("it is silent")?;
    match message {
        Some(Ok(Message::Text(text))) => Ok(text.to_string()),
        Some(Ok(other)) => bail!("it sent {other:?}"),
        Some(Err(error)) => Err(error.into()),
        None => bail!("it was closed"),
    }
}
