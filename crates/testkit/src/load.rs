//! Load on a production hostname, which notices every failed request, every closed connection, and
//! every answer from a version that was not live at any time during the request.

mod socket;
mod timeline;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::SendRequest;
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

pub use timeline::Timeline;

/// What a maintenance page consists of that the load knows: instead of a version, this is on. The keeper of
/// the timeline tells when.
pub const CLOSED: u64 = 0;

/// What the load does.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where the edge serves.
    pub edge: SocketAddr,
    /// The production hostname.
    pub host: String,
    /// Keep-alive connections, each with one request after the other.
    pub connections: usize,
    /// WebSockets, each with one message after the other.
    pub sockets: usize,
    /// From one request of a connection to its next.
    pub pause: Duration,
}

/// What the load has seen.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Requests that were answered as they should be.
    pub answered: u64,
    /// Requests that were not: no answer, or another status than 200, the maintenance page aside.
    pub failed: u64,
    /// Keep-alive connections that the other side closed.
    pub closed: u64,
    /// WebSockets that the other side closed.
    pub sockets_closed: u64,
    /// Messages that came back over WebSockets.
    pub echoed: u64,
    /// Answers from a version that was not live at any time during the request.
    pub wrong: u64,
    /// Answers by version.
    pub by_version: BTreeMap<u64, u64>,
    /// The first few things that went wrong, in words.
    pub complaints: Vec<String>,
}

#[derive(Default)]
struct Seen {
    answered: AtomicU64,
    failed: AtomicU64,
    closed: AtomicU64,
    sockets_closed: AtomicU64,
    echoed: AtomicU64,
    answers: Mutex<Vec<(Instant, Instant, u64)>>,
    complaints: Mutex<Vec<String>>,
}

impl Seen {
    fn complain(&self, counter: &AtomicU64, why: String) {
        counter.fetch_add(1, Ordering::Relaxed);
        let mut complaints = self.complaints.lock().unwrap();
        if complaints.len() < 20 {
            complaints.push(why);
        }
    }
}

/// Load that is on, until it is stopped.
pub struct Load {
    seen: Arc<Seen>,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
    /// When which version was live, to be kept by whoever switches.
    pub timeline: Arc<Timeline>,
}

impl Load {
    /// Begins, in a thread of its own.
    #[must_use]
    pub fn start(plan: Plan) -> Self {
        let (seen, stop) = (Arc::<Seen>::default(), Arc::<AtomicBool>::default());
        let (its_seen, its_stop) = (Arc::clone(&seen), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(run(plan, its_seen, its_stop));
        });
        Self { seen, stop, thread: Some(thread), timeline: Arc::default() }
    }

    /// How many requests have been answered so far.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.seen.answered.load(Ordering::Relaxed)
    }

    /// How many messages have come back over WebSockets so far.
    #[must_use]
    pub fn echoed(&self) -> u64 {
        self.seen.echoed.load(Ordering::Relaxed)
    }

    /// Ends the load, and says what it has seen.
    ///
    /// # Panics
    /// When the load itself is broken.
    pub fn stop(mut self) -> Report {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the load ends by itself");
        }
        let seen = &self.seen;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut report = Report {
            answered: read(&seen.answered),
            failed: read(&seen.failed),
            closed: read(&seen.closed),
            sockets_closed: read(&seen.sockets_closed),
            echoed: read(&seen.echoed),
            complaints: seen.complaints.lock().unwrap().clone(),
            ..Report::default()
        };
        for (asked, answered, version) in seen.answers.lock().unwrap().iter() {
            *report.by_version.entry(*version).or_default() += 1;
            if !self.timeline.may_have_answered(*version, *asked, *answered) {
                report.wrong += 1;
                report.complaints.push(format!("v{version} answered, but was not live"));
            }
        }
        report
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

async fn run(plan: Plan, seen: Arc<Seen>, stop: Arc<AtomicBool>) {
    let local = tokio::task::LocalSet::new();
    let mut tasks = Vec::new();
    for _ in 0..plan.connections {
        let (plan, seen, stop) = (plan.clone(), Arc::clone(&seen), Arc::clone(&stop));
        tasks.push(local.spawn_local(async move { keep_asking(&plan, &seen, &stop).await }));
    }
    for _ in 0..plan.sockets {
        let (plan, seen, stop) = (plan.clone(), Arc::clone(&seen), Arc::clone(&stop));
        tasks.push(
            local.spawn_local(async move { socket::keep_talking(&plan, &seen, &stop).await }),
        );
    }
    local
        .run_until(async {
            for task in tasks {
                task.await.expect("a connection's task ends by itself");
            }
        })
        .await;
}

/// After a connection could not be made, it is tried again this much later.
const RECONNECT: Duration = Duration::from_millis(20);

/// One connection after the other, each as long as it lives.
async fn keep_asking(plan: &Plan, seen: &Seen, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let Some(mut sender) = connect(plan).await else {
            seen.complain(&seen.failed, "a connection was refused".to_owned());
            tokio::time::sleep(RECONNECT).await;
            continue;
        };
        while !stop.load(Ordering::Relaxed) {
            if sender.ready().await.is_err() {
                seen.complain(&seen.closed, "a keep-alive connection was closed".to_owned());
                break;
            }
            if !ask(plan, &mut sender, seen).await {
                break;
            }
            if !plan.pause.is_zero() {
                tokio::time::sleep(plan.pause).await;
            }
        }
    }
}

async fn connect(plan: &Plan) -> Option<SendRequest<Empty<Bytes>>> {
    let stream = TcpStream::connect(plan.edge).await.ok()?;
    let _ = stream.set_nodelay(true);
    let (sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
    tokio::task::spawn_local(connection);
    Some(sender)
}

/// How a service answers that is closed.
const MAINTENANCE: (StatusCode, u64) = (StatusCode::SERVICE_UNAVAILABLE, CLOSED);

/// One request. False when the connection is of no use any more.
async fn ask(plan: &Plan, sender: &mut SendRequest<Empty<Bytes>>, seen: &Seen) -> bool {
    let request = Request::get("/version").header(HOST, &plan.host).body(Empty::new());
    let asked = Instant::now();
    let response = match sender.send_request(request.expect("a request")).await {
        Ok(response) => response,
        Err(error) => {
            seen.complain(&seen.failed, format!("a request was not answered: {error}"));
            return false;
        }
    };
    let status = response.status();
    let body = match response.into_body().collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => {
            seen.complain(&seen.failed, format!("an answer broke off: {error}"));
            return false;
        }
    };
    let text = String::from_utf8_lossy(&body);
    match text.trim().parse() {
        Ok(version) if status == StatusCode::OK || (status, version) == MAINTENANCE => {
            seen.answered.fetch_add(1, Ordering::Relaxed);
            seen.answers.lock().unwrap().push((asked, Instant::now(), version));
        }
        _ => {
            let first = text.lines().next().unwrap_or_default();
            seen.complain(&seen.failed, format!("an answer was {status}: {first}"));
        }
    }
    true
}
