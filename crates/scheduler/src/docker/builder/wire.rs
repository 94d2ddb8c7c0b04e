//! HTTP exchanges with the engine that bollard does not have: those of its BuildKit, and
//! those whose connection is taken over.

use std::io;
use std::time::Duration;

use bollard::errors::Error as EngineError;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::{TcpStream, UnixStream};
use tokio_stream::StreamExt;
use tokio_util::task::AbortOnDropHandle;

use super::super::connection::Connection;

/// How long the engine may take to take a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// So much of an error's words is read.
const LONGEST: usize = 64 * 1024;

/// What is sent.
pub(in crate::docker) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// Nothing to send.
pub(super) fn nothing() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// A text to send.
pub(in crate::docker) fn text(text: String) -> Body {
    Full::from(text).map_err(|never| match never {}).boxed_unsync()
}

/// Pieces to send.
pub(super) fn pieces(pieces: BoxStream<'static, io::Result<Bytes>>) -> Body {
    let frames = pieces.map(|piece| piece.map(hyper::body::Frame::data));
    http_body_util::StreamBody::new(frames).boxed_unsync()
}

/// An answer, whose connection ends when it is dropped.
pub(in crate::docker) struct Answer {
    pub(in crate::docker) response: Response<Incoming>,
    _driver: AbortOnDropHandle<()>,
}

/// Sends one request by a connection of its own, and gives the head of the answer, whatever it says.
pub(in crate::docker) async fn send(
    connection: &Connection,
    request: Request<Body>,
) -> Result<Answer, EngineError> {
    let connecting = async {
        match connection.socket() {
            Some(path) => handshake(UnixStream::connect(path).await?).await,
            None => handshake(TcpStream::connect(connection.authority()).await?).await,
        }
    };
    let connected = tokio::time::timeout(CONNECT, connecting).await;
    let (mut sender, driver) = connected.unwrap_or(Err(EngineError::RequestTimeoutError))?;
    let response = sender.send_request(request).await?;
    Ok(Answer { response, _driver: driver })
}

type Connected = (http1::SendRequest<Body>, AbortOnDropHandle<()>);

async fn handshake(
    stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
) -> Result<Connected, EngineError> {
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let driver = tokio::spawn(async move {
        // Whoever waits for the answer is told of its end.
        let _ = connection.with_upgrades().await;
    });
    Ok((sender, AbortOnDropHandle::new(driver)))
}

/// The words of an engine that refuses.
pub(in crate::docker) async fn refusal(mut answer: Answer) -> EngineError {
    #[derive(Deserialize)]
    struct Words {
        message: String,
    }
    let status = answer.response.status();
    let body = Limited::new(answer.response.body_mut(), LONGEST).collect().await;
    let text = body.map(|body| body.to_bytes()).unwrap_or_default();
    let message = serde_json::from_slice(&text).map_or_else(
        |_| String::from_utf8_lossy(&text).trim().to_owned(),
        |words: Words| words.message,
    );
    EngineError::DockerResponseServerError { status_code: status.as_u16(), message }
}

/// Whether an answer says that the engine has nothing of the kind.
pub(super) fn is_unknown(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::NOT_FOUND
            | StatusCode::NOT_IMPLEMENTED
            | StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::BAD_REQUEST
    )
}
