//! Taking connections, and letting them end.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Extension};
use axum::middleware::map_response;
use axum::serve::Listener;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Layer;

use crate::App;

/// How long calls that are under way may take to end when the server is told to stop.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// How long a request's head may take to come, from the first connection or the end of the call before:
/// a connection that says nothing, or never gets to an end, costs a descriptor.
const HEAD_WITHIN: Duration = Duration::from_secs(30);

/// Tells connections that go on as something else when the server stops, and lets it wait for them. Clones
/// are the same one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stopping {
    told: CancellationToken,
    tasks: TaskTracker,
}

impl Stopping {
    /// Waits until the server is told to stop.
    pub(crate) async fn told(&self) {
        self.told.cancelled().await;
    }

    /// Does something that the server waits for a moment for when it stops.
    pub(crate) fn under_way(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }
}

/// Serves until `shutdown` is done; then no connection is taken any more, and calls that are under way
/// have a moment to end. Event streams, which never end by themselves, end at once.
pub async fn serve(app: App, listener: TcpListener, shutdown: impl Future<Output = ()>) {
    let stopping = Stopping::default();
    let ending = stopping.told.clone();
    let router = crate::router(&app)
        .layer(Extension(stopping.clone()))
        .layer(map_response(move |response| crate::http::sse::until(ending.clone(), response)));
    let shutdown = async {
        shutdown.await;
        stopping.told.cancel();
    };
    take(router, listener, HEAD_WITHIN, &stopping, shutdown).await;
}

async fn take(
    router: Router,
    mut listener: TcpListener,
    head_within: Duration,
    stopping: &Stopping,
    shutdown: impl Future<Output = ()>,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(head_within);
    tokio::pin!(shutdown);
    loop {
        let (stream, from) = tokio::select! {
            () = &mut shutdown => break,
            taken = Listener::accept(&mut listener) => taken,
        };
        let service = Extension(ConnectInfo::<SocketAddr>(from)).layer(router.clone());
        let connection =
            http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        let connection = connection.with_upgrades();
        let told = stopping.told.clone();
        stopping.under_way(async move {
            tokio::pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = told.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%from, %error, "a connection ended in an error");
            }
        });
    }
    drop(listener);
    stopping.tasks.close();
    if tokio::time::timeout(STOP_WITHIN, stopping.tasks.wait()).await.is_err() {
        tracing::warn!("calls were still under way, and are cut off");
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn a_connection_that_never_gets_to_a_request_is_closed() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", get(async || "hello"));
        let within = Duration::from_millis(100);
        let serving = tokio::spawn(async move {
            take(router, listener, within, &Stopping::default(), std::future::pending()).await;
        });
        for said in ["", "GET / HT", "GET / HTTP/1.1\r\nhost: a\r\n\r\n"] {
            let mut connection = TcpStream::connect(address).await.unwrap();
            connection.write_all(said.as_bytes()).await.unwrap();
            let mut answer = String::new();
            let ended = connection.read_to_string(&mut answer);
            let ended = tokio::time::timeout(Duration::from_secs(10), ended).await;
            ended.expect("the server closes it").unwrap();
            assert_eq!(answer.ends_with("hello"), said.ends_with('\n'), "{answer}");
        }
        serving.abort();
    }
}
