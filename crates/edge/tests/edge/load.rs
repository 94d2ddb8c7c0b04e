//! Switches under load: nobody must notice one.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::support::*;
use futures_util::{SinkExt, StreamExt};
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use launcher_edge::protocol::ToEdge;
use launcher_model::{DeploymentId, Generation};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::{Message, protocol::Role};

const CONNECTIONS: usize = 64;
const WEBSOCKETS: usize = 16;
const SWITCHES: u64 = 100;

/// Answers with its name, and echoes over WebSockets.
async fn container(name: &'static str) -> Container {
    Container::serve(name, move |mut request: Request<Incoming>| async move {
        let Some(key) = request.headers().get("sec-websocket-key") else { return text(name) };
        let accept = derive_accept_key(key.as_bytes());
        tokio::spawn(async move {
            let Ok(upgraded) = hyper::upgrade::on(&mut request).await else { return };
            let io = TokioIo::new(upgraded);
            let socket = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
            let (write, read) = socket.split();
            let _ = read.forward(write).await;
        });
        Response::builder()
            .status(101)
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-accept", accept)
            .body(Empty::new().boxed())
            .unwrap()
    })
    .await
}

/// When each version was live, by what the control plane knew: from before it said so until after it
/// was told that it is no more.
#[derive(Default)]
struct Times(Mutex<Vec<(&'static str, Instant, Option<Instant>)>>);

impl Times {
    fn begins(&self, version: &'static str) {
        self.0.lock().unwrap().push((version, Instant::now(), None));
    }

    fn ends(&self, version: &'static str) {
        let mut times = self.0.lock().unwrap();
        let time = times.iter_mut().rfind(|(v, _, end)| *v == version && end.is_none()).unwrap();
        time.2 = Some(Instant::now());
    }

    fn was_live(&self, version: &str, from: Instant, to: Instant) -> bool {
        let times = self.0.lock().unwrap();
        let overlaps = |end: Option<Instant>| end.is_none_or(|end| end >= from);
        times.iter().rev().any(|(v, begin, end)| *v == version && *begin <= to && overlaps(*end))
    }
}

#[derive(Default)]
struct Tally {
    requests: AtomicUsize,
    echoes: AtomicUsize,
    failed: AtomicUsize,
    closed: AtomicUsize,
    misrouted: AtomicUsize,
    stop: AtomicBool,
}

impl Tally {
    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }
}

fn count(counter: &AtomicUsize) {
    counter.fetch_add(1, Ordering::Relaxed);
}

async fn browse(edge: std::net::SocketAddr, tally: Arc<Tally>, times: Arc<Times>) {
    let mut client = Client::connect(edge).await;
    while tally.goes_on() {
        let from = Instant::now();
        let Ok(response) = client.send(request(HOST, "/")).await else {
            count(&tally.closed);
            client = Client::connect(edge).await;
            continue;
        };
        let answer = whole(response).await;
        if answer.status != 200 {
            count(&tally.failed);
        } else if !times.was_live(&answer.body, from, Instant::now()) {
            count(&tally.misrouted);
        }
        count(&tally.requests);
        // What is measured is not how much a busy machine can do.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn chat(mut socket: WebSocket, tally: Arc<Tally>) {
    while tally.goes_on() {
        let said = socket.send(Message::text("hello")).await;
        let heard = soon("the echo", socket.next()).await;
        if said.is_err() || !matches!(heard, Some(Ok(Message::Text(_)))) {
            return count(&tally.closed);
        }
        count(&tally.echoes);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_notices_a_switch() {
    let (one, two) = (container("one").await, container("two").await);
    let (uno, due) = (container("one").await, container("two").await);
    let pools: &[(u32, &[&Container])] = &[(1, &[&one, &uno]), (2, &[&two, &due])];
    let mut lab = Lab::new(&[shop(1, &[(1, 100)], pools)]).await;
    let edge = lab.edge.http;
    let (tally, times) = (Arc::new(Tally::default()), Arc::new(Times::default()));
    times.begins("one");
    let mut clients = Vec::new();
    for _ in 0..WEBSOCKETS {
        clients.push(tokio::spawn(chat(websocket(edge).await, tally.clone())));
    }
    for _ in 0..CONNECTIONS {
        clients.push(tokio::spawn(browse(edge, tally.clone(), times.clone())));
    }
    until("there is load", || tally.requests.load(Ordering::Relaxed) > 500).await;

    let mut flips = Vec::new();
    for n in 0..SWITCHES {
        let (from, to, version) = if n % 2 == 0 { ("one", "two", 2) } else { ("two", "one", 1) };
        let id = i64::try_from(n).unwrap();
        let mut next = shop(2 + 2 * n, &[(version, 100)], pools);
        next.generation = Generation(2 + n);
        lab.control.prepare(id, &next).await.unwrap();
        times.begins(to);
        let before = Instant::now();
        lab.control.commit(id).await.unwrap();
        flips.push(before.elapsed());
        times.ends(from);
        for (id, outcome) in std::mem::take(&mut lab.control.outcomes) {
            assert_eq!((outcome.failed, outcome.cut), (0, 0), "{outcome:?}");
            lab.control.say(ToEdge::DrainSeen { deployment: DeploymentId(id) }).await;
        }
        if n % 10 == 0 {
            // Other changes come in between.
            next.revision += 1;
            lab.control.replace(&next).await;
        }
    }
    tally.stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    flips.sort_unstable();
    eprintln!(
        "{} requests and {} echoes during {SWITCHES} switches; commits took {:?}, at most {:?}",
        tally.requests.load(Ordering::Relaxed),
        tally.echoes.load(Ordering::Relaxed),
        flips[flips.len() / 2],
        flips[flips.len() - 1],
    );
    for (what, counter) in
        [("failed", &tally.failed), ("closed", &tally.closed), ("misrouted", &tally.misrouted)]
    {
        assert_eq!(counter.load(Ordering::Relaxed), 0, "{what}");
    }
    assert!(one.requests() + uno.requests() > 0 && two.requests() + due.requests() > 0);
}
