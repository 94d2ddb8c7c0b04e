//! A client's keep-alive connection, which tells of every request what became of it.

use std::error::Error;
use std::net::SocketAddr;
use std::pin::pin;

use futures_util::FutureExt;
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::SendRequest;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

type BoxError = Box<dyn Error + Send + Sync>;

/// A connection that may carry many requests, one after the other.
#[derive(Debug)]
pub struct Client<B> {
    /// There is none once a request has been lost with the connection.
    requests: Option<SendRequest<B>>,
    /// Ends when the connection does.
    connection: JoinHandle<()>,
}

impl<B> Client<B>
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    /// Opens one.
    ///
    /// # Errors
    /// When nobody takes it.
    pub async fn connect(to: SocketAddr) -> Result<Self, BoxError> {
        let stream = TcpStream::connect(to).await?;
        let (requests, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(async move {
            // What breaks a connection is seen by the request that it breaks.
            let _ = connection.with_upgrades().await;
        });
        Ok(Self { requests: Some(requests), connection })
    }

    /// Sends a request, and waits for the head of its answer.
    ///
    /// A request that is handed to hyper in the instant in which the connection ends may be held by
    /// neither: hyper then answers it when the sender is dropped, and not before
    /// (<https://github.com/hyperium/hyper/issues/4122>). So this looks at the connection as well.
    ///
    /// # Errors
    /// When the connection is of no use any more.
    ///
    /// # Panics
    /// When a request has been lost with this connection before.
    pub async fn send(&mut self, request: Request<B>) -> Result<Response<Incoming>, hyper::Error> {
        let requests = self.requests.as_mut().expect("no request has been lost with it");
        requests.ready().await?;
        let mut response = pin!(requests.send_request(request));
        tokio::select! {
            biased;
            response = &mut response => response,
            _ = &mut self.connection => {
                if let Some(response) = (&mut response).now_or_never() {
                    return response;
                }
                self.requests = None;
                response.await
            }
        }
    }

    /// Waits until it is closed.
    pub async fn closed(&mut self) {
        if !self.connection.is_finished() {
            let _ = (&mut self.connection).await;
        }
    }
}
