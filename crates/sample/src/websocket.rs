//! The WebSocket at `/ws` (RFC 6455).

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use hyper::upgrade::Upgraded;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use crate::app::{status, text};
use crate::body::Body;
use crate::stopping::Stopping;

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Answers the handshake, and carries on with the socket in a task of its own.
pub(crate) fn upgrade(
    mut request: Request<Incoming>,
    version: Bytes,
    stopping: Stopping,
) -> Response<Body> {
    let Some(accept) = accept(&request) else {
        return text(StatusCode::UPGRADE_REQUIRED, "this is a WebSocket\n");
    };
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        // A client that is gone by now, or goes in the middle, is no concern of the others.
        if let Ok(upgraded) = upgrade.await {
            let io = TokioIo::new(upgraded);
            let socket = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
            let _ = talk(socket, &version, stopping).await;
        }
    });
    let mut response = status(StatusCode::SWITCHING_PROTOCOLS);
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    response
}

fn accept(request: &Request<Incoming>) -> Option<HeaderValue> {
    let headers = request.headers();
    let wanted = headers.get(UPGRADE)?.as_bytes().eq_ignore_ascii_case(b"websocket");
    let key = headers.get(SEC_WEBSOCKET_KEY)?;
    HeaderValue::from_str(&derive_accept_key(key.as_bytes())).ok().filter(|_| wanted)
}

/// Sends the version, then everything that comes in, until the client closes or the process stops.
async fn talk(mut socket: Socket, version: &[u8], mut stopping: Stopping) -> Result<(), Error> {
    socket.send(Message::text(String::from_utf8_lossy(version).into_owned())).await?;
    loop {
        tokio::select! {
            message = socket.next() => match message {
                Some(message) => {
                    let message = message?;
                    if message.is_text() || message.is_binary() {
                        socket.send(message).await?;
                    }
                }
                None => return Ok(()),
            },
            () = stopping.wait() => return say_goodbye(socket).await,
        }
    }
}

async fn say_goodbye(mut socket: Socket) -> Result<(), Error> {
    let reason = Utf8Bytes::from_static("the server stops");
    socket.close(Some(CloseFrame { code: CloseCode::Away, reason })).await?;
    while let Some(message) = socket.next().await {
        message?;
    }
    Ok(())
}
