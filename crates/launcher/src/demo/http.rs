//! Requests as a visitor makes them: to the edge's address, with a hostname of its own.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// How long an answer may take. Nothing that is asked for here takes a tenth of it.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where visitors come in.
#[derive(Debug, Clone)]
pub(super) struct Door {
    /// The edge.
    pub(super) edge: SocketAddr,
    /// The hostname that is asked for, with the port.
    pub(super) host: String,
}

/// An answer of the sample.
#[derive(Debug)]
pub(super) struct Answer {
    /// The status.
    pub(super) status: StatusCode,
    /// The version that says it answered; none when something else did.
    pub(super) version: Option<u32>,
    /// The body.
    pub(super) body: Bytes,
}

/// A keep-alive connection.
#[derive(Debug)]
pub(super) struct Connection {
    sender: SendRequest<Empty<Bytes>>,
    /// Ends when the connection does.
    driver: JoinHandle<()>,
    host: String,
}

impl Door {
    /// Opens a connection.
    pub(super) async fn open(&self) -> Result<Connection> {
        let stream = self.connect().await?;
        let (sender, connection) =
            handshake(TokioIo::new(stream)).await.context("cannot speak HTTP with the edge")?;
        let driver = tokio::spawn(async move {
            // What breaks a connection is seen by the request that it breaks.
            let _ = connection.await;
        });
        Ok(Connection { sender, driver, host: self.host.clone() })
    }

    /// Opens a bare connection.
    pub(super) async fn connect(&self) -> Result<TcpStream> {
        let stream = TcpStream::connect(self.edge);
        let stream = stream.await.with_context(|| format!("cannot connect to {}", self.edge))?;
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }

    /// Makes one request, on a connection of its own.
    pub(super) async fn get(&self, path: &str) -> Result<Answer> {
        self.open().await?.get(path).await
    }
}

impl Connection {
    /// Makes a request, and takes the whole answer.
    pub(super) async fn get(&mut self, path: &str) -> Result<Answer> {
        let answered = tokio::time::timeout(PATIENCE, self.exchange(path)).await;
        answered.unwrap_or_else(|_| Err(anyhow!("no answer within {} s", PATIENCE.as_secs())))
    }

    async fn exchange(&mut self, path: &str) -> Result<Answer> {
        let request = Request::get(path).header(HOST, &self.host).body(Empty::new())?;
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let version = response.headers().get("x-version");
        let version = version.and_then(|text| text.to_str().ok()?.parse().ok());
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        Ok(Answer { status, version, body })
    }

    /// Whether the other side has closed it.
    pub(super) fn is_closed(&self) -> bool {
        self.driver.is_finished()
    }

    /// Done when the other side closes it.
    pub(super) async fn closed(&mut self) {
        let _ = (&mut self.driver).await;
    }
}
