//! Checks of containers that speak HTTP/2.

use std::net::SocketAddr;

use bytes::Bytes;
use h2::RecvStream;
use http::header::USER_AGENT;
use http::{HeaderMap, Request, Response};
use tokio::net::TcpStream;

use super::{AGENT, BODY_LIMIT, refusal};

/// What has come back.
pub(super) struct Answer {
    pub(super) head: Response<()>,
    /// As much of the body as is of interest.
    pub(super) body: Vec<u8>,
    pub(super) trailers: HeaderMap,
}

/// `GET`s a path.
pub(super) async fn get(address: SocketAddr, path: &str) -> Result<(), String> {
    let request = Request::get(format!("http://{address}{path}"))
        .header(USER_AGENT, AGENT)
        .body(())
        .map_err(|error| format!("GET {path} cannot be asked: {error}"))?;
    let what = format!("GET {path} at {address}");
    let answer = ask(address, &what, request, Bytes::new()).await?;
    let status = answer.head.status();
    if status.is_success() || status.is_redirection() {
        return Ok(());
    }
    Err(refusal(path, status.as_u16(), &answer.body))
}

/// Sends one request over a connection of its own.
pub(super) async fn ask(
    address: SocketAddr,
    what: &str,
    request: Request<()>,
    body: Bytes,
) -> Result<Answer, String> {
    let stream = TcpStream::connect(address)
        .await
        .map_err(|error| format!("a connection to {address} was not taken: {error}"))?;
    let failed = |error: h2::Error| {
        // Who does not, closes the connection, or answers something else.
        let hint = if error.is_remote() { "" } else { "; does it speak HTTP/2 without TLS (h2c)?" };
        format!("{what} failed: {error}{hint}")
    };
    let (send, mut connection) = h2::client::handshake(stream).await.map_err(failed)?;
    let exchange = async move {
        let mut send = send.ready().await?;
        let (response, mut to) = send.send_request(request, body.is_empty())?;
        if !body.is_empty() {
            to.send_data(body, true)?;
        }
        let (parts, from) = response.await?.into_parts();
        let (body, trailers) = read(from).await?;
        Ok(Answer { head: Response::from_parts(parts, ()), body, trailers })
    };
    tokio::pin!(exchange);
    let outcome = tokio::select! {
        outcome = &mut exchange => outcome,
        // The connection ends when its exchange has; whichever is seen first, the exchange counts.
        _ = &mut connection => exchange.await,
    };
    outcome.map_err(failed)
}

async fn read(mut from: RecvStream) -> Result<(Vec<u8>, HeaderMap), h2::Error> {
    let mut body = Vec::new();
    while let Some(part) = from.data().await {
        let part = part?;
        from.flow_control().release_capacity(part.len())?;
        body.extend_from_slice(&part);
        if body.len() >= BODY_LIMIT {
            body.truncate(BODY_LIMIT);
            return Ok((body, HeaderMap::new()));
        }
    }
    Ok((body, from.trailers().await?.unwrap_or_default()))
}
