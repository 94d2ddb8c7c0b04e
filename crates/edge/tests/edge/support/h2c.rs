//! Containers that speak HTTP/2.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use http::{HeaderMap, Request, Response};
use launcher_edge::table::ServiceTable;
use launcher_model::service::Protocol;
use tokio::net::TcpStream;

use super::Container;

/// A request as such a container has it, and what answers it.
pub(crate) type Asked2 = (Request<RecvStream>, SendResponse<Bytes>);

impl Container {
    /// Does with each request what `answer` does, and answers health checks with 200.
    pub(crate) async fn h2c<F, Fut>(name: &str, answer: F) -> Self
    where
        F: Fn(Asked2) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let requests = Arc::new(AtomicUsize::new(0));
        let counted = requests.clone();
        let talk = move |stream: TcpStream| {
            let (answer, counted) = (answer.clone(), counted.clone());
            async move {
                let Ok(mut connection) = h2::server::handshake(stream).await else { return };
                // What a connection carries is gone when the connection is.
                let mut tasks = tokio::task::JoinSet::new();
                while let Some(Ok((request, mut respond))) = connection.accept().await {
                    if request.uri().path() == "/healthz" {
                        let _ = respond.send_response(Response::new(()), true);
                        continue;
                    }
                    counted.fetch_add(1, Ordering::SeqCst);
                    tasks.spawn(answer((request, respond)));
                }
            }
        };
        let mut container = Self::raw(name, talk).await;
        container.requests = requests;
        container
    }

    /// Answers every request with its name.
    pub(crate) async fn h2c_named(name: &str) -> Self {
        let text = name.to_owned();
        Self::h2c(name, move |asked| {
            let text = text.clone();
            async move { answer2(asked, text, HeaderMap::new()) }
        })
        .await
    }
}

/// Answers with a text and trailers.
pub(crate) fn answer2((_, mut respond): Asked2, text: impl Into<Bytes>, trailers: HeaderMap) {
    let Ok(mut stream) = respond.send_response(Response::new(()), false) else { return };
    let _ = stream.send_data(text.into(), trailers.is_empty());
    if !trailers.is_empty() {
        let _ = stream.send_trailers(trailers);
    }
}

/// The table of a service whose containers speak HTTP/2.
pub(crate) fn speaks_h2c(mut table: ServiceTable) -> ServiceTable {
    table.pools.values_mut().for_each(|pool| pool.protocol = Protocol::H2c);
    table
}
