//! Events that Marathon sends to an address of ours (`/v2/eventSubscriptions`, up to 1.4): for servers
//! without a stream.
//!
//! Whoever finds the address may send whatever they like: an event from here is believed nothing but that
//! it is time to look.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method as HyperMethod, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, Url};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::task::AbortOnDropHandle;

use super::{Seen, Source};
use crate::marathon::Engine;
use crate::marathon::client::Call;
use crate::marathon::wire::event::Event;
use crate::marathon::wire::info::Subscriptions;
use crate::{Error, Result};

const DOING: &str = "subscribing to events";
/// What all paths of ours begin with.
const PATH: &str = "/marathon-events/";
/// The longest event that is read, in bytes.
const LONGEST: usize = 16 << 20;
/// So many events wait to be looked at. What comes when they do adds nothing.
const BUFFER: usize = 16;
/// So many connections at once.
const CONNECTIONS: usize = 32;
/// How long one event may take to come in.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where Marathon sends events to.
#[derive(Debug)]
pub(in crate::marathon) struct Callback {
    base: Url,
    port: u16,
}

impl Callback {
    /// Checks the address of this machine by which Marathon reaches it.
    pub(in crate::marathon) fn read(text: &str) -> Result<Self> {
        let why = "write http://THIS-HOST:PORT, as Marathon reaches it";
        let refuse = || Error::Setting { what: "callback", given: text.to_owned(), why };
        let base = Url::parse(text).map_err(|_| refuse())?;
        let port = base.port().ok_or_else(refuse)?;
        if base.scheme() != "http"
            || !base.has_host()
            || base.path() != "/"
            || base.query().is_some()
        {
            return Err(refuse());
        }
        Ok(Self { base, port })
    }

    /// The address of one subscription.
    fn url(&self, path: &str) -> String {
        let mut url = self.base.clone();
        url.set_path(path);
        url.to_string()
    }

    fn is_ours(&self, url: &str) -> bool {
        url.starts_with(&self.url(PATH))
    }
}

/// Subscribes, where an address is configured. Elsewhere, and where the server was not started with
/// `--event_subscriber http_callback`, nothing ever comes, and looks at intervals find what has changed.
pub(super) async fn subscribe(engine: &Arc<Engine>) -> Result<Source> {
    let Some(callback) = &engine.callback else { return Ok(stream::pending().boxed()) };
    let path = format!("{PATH}{:032x}", rand::random::<u128>());
    let url = callback.url(&path);
    let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, callback.port));
    let listener = TcpListener::bind(address).await.map_err(|error| Error::Refused {
        doing: DOING,
        why: format!("cannot listen at {address}, the port of callback in [marathon]: {error}"),
    })?;
    let (sender, receiver) = mpsc::channel(BUFFER);
    let serving = AbortOnDropHandle::new(tokio::spawn(serve(listener, path.into(), sender)));
    unsubscribe_all(engine, callback).await?;
    let call = Call::new(Method::POST, target(&url), DOING);
    match engine.client.send(&call).await {
        Ok(_) => {}
        Err(Error::Refused { why, .. }) => {
            tracing::warn!(%why, "Marathon sends no events; it is looked at now and then");
            return Ok(stream::pending().boxed());
        }
        Err(error) => return Err(error),
    }
    let subscription = Subscription { engine: Arc::clone(engine), url, _serving: serving };
    let state = (receiver, subscription);
    let seen = stream::unfold(state, async |(mut receiver, subscription)| {
        let seen = receiver.recv().await?;
        Some((Ok(seen), (receiver, subscription)))
    });
    Ok(seen.boxed())
}

fn target(url: &str) -> String {
    format!("/v2/eventSubscriptions?callbackUrl={}", utf8_percent_encode(url, NON_ALPHANUMERIC))
}

/// Ends those that an earlier run, which was killed, has left: Marathon keeps them in ZooKeeper.
async fn unsubscribe_all(engine: &Engine, callback: &Callback) -> Result<()> {
    let answer = match engine.client.send(&Call::get("/v2/eventSubscriptions", DOING)).await {
        Ok(answer) if answer.status.is_success() => answer,
        Ok(_) | Err(Error::Refused { .. }) => return Ok(()),
        Err(error) => return Err(error),
    };
    let told: Subscriptions = answer.json(DOING)?;
    for url in told.callback_urls.iter().filter(|url| callback.is_ours(url)) {
        engine.client.send(&Call::new(Method::DELETE, target(url), DOING)).await?;
    }
    Ok(())
}

/// A subscription, which ends when it is dropped.
struct Subscription {
    engine: Arc<Engine>,
    url: String,
    _serving: AbortOnDropHandle<()>,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        // Without a runtime the process ends, and the next one does it.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (engine, target) = (Arc::clone(&self.engine), target(&self.url));
        runtime.spawn(async move {
            let call = Call::new(Method::DELETE, target, "ending a subscription to events");
            if let Err(error) = engine.client.send(&call).await {
                tracing::debug!(%error, "a subscription is left behind");
            }
        });
    }
}

async fn serve(listener: TcpListener, path: Arc<str>, sender: mpsc::Sender<Seen>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // No more files for now.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (path, sender) = (Arc::clone(&path), sender.clone());
        tokio::spawn(async move {
            serve_one(stream, path, sender).await;
            drop(place);
        });
    }
}

async fn serve_one(stream: TcpStream, path: Arc<str>, sender: mpsc::Sender<Seen>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let (path, sender) = (Arc::clone(&path), sender.clone());
        async move {
            let status = take(request, &path, &sender).await;
            let mut response = Response::new(Empty::<Bytes>::new());
            *response.status_mut() = status;
            Ok::<_, Infallible>(response)
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "an event was not sent to its end");
    }
}

async fn take(request: Request<Incoming>, path: &str, sender: &mpsc::Sender<Seen>) -> StatusCode {
    if request.uri().path() != path {
        return StatusCode::NOT_FOUND;
    }
    if request.method() != HyperMethod::POST {
        return StatusCode::METHOD_NOT_ALLOWED;
    }
    let body = tokio::time::timeout(PATIENCE, Limited::new(request.into_body(), LONGEST).collect());
    let Ok(Ok(body)) = body.await else { return StatusCode::BAD_REQUEST };
    let Ok(event) = serde_json::from_slice::<Event>(&body.to_bytes()) else {
        return StatusCode::BAD_REQUEST;
    };
    // Full: a look is due anyway.
    let _ = sender.try_send(Seen { event, is_trusted: false });
    StatusCode::OK
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_of_a_port() {
        let callback = Callback::read("http://10.0.0.5:7072").unwrap();
        assert_eq!(callback.url("/marathon-events/x"), "http://10.0.0.5:7072/marathon-events/x");
        assert!(callback.is_ours("http://10.0.0.5:7072/marathon-events/y"));
        assert!(!callback.is_ours("http://10.0.0.5:7073/marathon-events/y"));
        assert!(!callback.is_ours("http://10.0.0.5:7072/others"));
        for bad in ["10.0.0.5:7072", "http://10.0.0.5", "https://10.0.0.5:1", "http://h:1/path"] {
            assert!(Callback::read(bad).is_err(), "{bad}");
        }
    }
}
