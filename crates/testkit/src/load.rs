//! Load on a production hostname, which notices every failed request, every closed connection, and
//! every answer from a version that was not live at any time during the request.

mod socket;
mod timeline;

use std::collections::BTreeMap;
use std::fmt;
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
    /// What is live as it begins, and alone.
    pub live: u64,
}

/// What the load has seen.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Requests that were answered as they should be.
    pub answered: u64,
    /// Requests that were not: no answer, or another status than 200, the maintenance page aside.
    pub failed: u64,
    /// Requests that got no answer over a connection that had carried others, and were asked again.
    pub repeated: u64,
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
    /// Each answer.
    pub answers: Answers,
    /// The first few things that went wrong, in words.
    pub complaints: Vec<String>,
}

/// An answer of a version.
#[derive(Debug, Clone, Copy)]
pub struct Answer {
    /// When it was asked for.
    pub asked: Instant,
    /// When it was there.
    pub answered: Instant,
    /// Who gave it.
    pub version: u64,
}

/// Answers, of which there are too many to be printed.
#[derive(Clone, Default)]
pub struct Answers(pub Vec<Answer>);

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of them", self.0.len())
    }
}

#[derive(Default)]
struct Seen {
    answered: AtomicU64,
    failed: AtomicU64,
    repeated: AtomicU64,
    closed: AtomicU64,
    sockets_closed: AtomicU64,
    echoed: AtomicU64,
    answers: Mutex<Vec<Answer>>,
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
        Self::begin(plan, Patience::None)
    }

    /// The same, with clients that ask again as HTTP has it (RFC 9110 §9.2.2, RFC 9112 §9.3.1): when a
    /// connection that has carried others is closed before it has brought the answer.
    #[must_use]
    pub fn asking_again(plan: Plan) -> Self {
        Self::begin(plan, Patience::AsksAgain)
    }

    fn begin(plan: Plan, patience: Patience) -> Self {
        let (seen, stop) = (Arc::<Seen>::default(), Arc::<AtomicBool>::default());
        let (its_seen, its_stop) = (Arc::clone(&seen), Arc::clone(&stop));
        // Before the first request is made.
        let timeline = Arc::new(Timeline::default());
        timeline.begins(plan.live);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(run(plan, patience, its_seen, its_stop));
        });
        Self { seen, stop, thread: Some(thread), timeline }
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
            repeated: read(&seen.repeated),
            closed: read(&seen.closed),
            sockets_closed: read(&seen.sockets_closed),
            echoed: read(&seen.echoed),
            complaints: seen.complaints.lock().unwrap().clone(),
            ..Report::default()
        };
        report.answers = Answers(std::mem::take(&mut *seen.answers.lock().unwrap()));
        for Answer { asked, answered, version } in &report.answers.0 {
            *report.by_version.entry(*version).or_default() += 1;
            if !self.timeline.may_have_answered(*version, *asked, *answered) {
                report.wrong += 1;
                report.complaints.push(self.timeline.complaint(*version, *asked));
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

async fn run(plan: Plan, patience: Patience, seen: Arc<Seen>, stop: Arc<AtomicBool>) {
    let local = tokio::task::LocalSet::new();
    let mut tasks = Vec::new();
    for _ in 0..plan.connections {
        let (plan, seen, stop) = (plan.clone(), Arc::clone(&seen), Arc::clone(&stop));
        tasks.push(
            local.spawn_local(async move { keep_asking(&plan, patience, &seen, &stop).await }),
        );
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

/// What a client does that gets no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Patience {
    /// Its request has failed.
    None,
    /// Asks again over another connection, if this one has carried others before.
    AsksAgain,
}

/// A request that takes longer is not answered.
const ANSWERED_WITHIN: Duration = Duration::from_secs(30);

/// After a connection could not be made, it is tried again this much later.
const RECONNECT: Duration = Duration::from_millis(20);

/// One connection after the other, each as long as it lives.
async fn keep_asking(plan: &Plan, patience: Patience, seen: &Seen, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let Some(mut sender) = connect(plan).await else {
            seen.complain(&seen.failed, "a connection was refused".to_owned());
            tokio::time::sleep(RECONNECT).await;
            continue;
        };
        let mut has_carried = false;
        while !stop.load(Ordering::Relaxed) {
            if sender.ready().await.is_err() {
                seen.complain(&seen.closed, "a keep-alive connection was closed".to_owned());
                break;
            }
            match ask(plan, &mut sender, seen).await {
                Ok(()) => has_carried = true,
                Err(NoAnswer::Closed(_)) if has_carried && patience == Patience::AsksAgain => {
                    seen.repeated.fetch_add(1, Ordering::Relaxed);
                    break;
                }
                Err(no_answer) => {
                    seen.complain(&seen.failed, no_answer.to_string());
                    break;
                }
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

/// Why a request was not answered; its connection is of no use any more.
enum NoAnswer {
    /// The connection was closed before there was anything of the answer.
    Closed(hyper::Error),
    BrokeOff(hyper::Error),
    Hangs,
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(error) => write!(f, "a request was not answered: {error}"),
            Self::BrokeOff(error) => write!(f, "an answer broke off: {error}"),
            Self::Hangs => write!(f, "a request was not answered within {ANSWERED_WITHIN:?}"),
        }
    }
}

/// One request.
async fn ask(
    plan: &Plan,
    sender: &mut SendRequest<Empty<Bytes>>,
    seen: &Seen,
) -> Result<(), NoAnswer> {
    let request = Request::get("/version").header(HOST, &plan.host).body(Empty::new());
    let request = request.expect("a request");
    let asked = Instant::now();
    let answer = async {
        let response = sender.send_request(request).await.map_err(NoAnswer::Closed)?;
        let status = response.status();
        let body = response.into_body().collect().await.map_err(NoAnswer::BrokeOff)?;
        Ok((status, body.to_bytes()))
    };
    let answer = tokio::time::timeout(ANSWERED_WITHIN, answer).await;
    let (status, body) = answer.map_err(|_elapsed| NoAnswer::Hangs)??;
    let text = String::from_utf8_lossy(&body);
    match text.trim().parse() {
        Ok(version) if status == StatusCode::OK || (status, version) == MAINTENANCE => {
            seen.answered.fetch_add(1, Ordering::Relaxed);
            seen.answers.lock().unwrap().push(Answer { asked, answered: Instant::now(), version });
        }
        _ => {
            let first = text.lines().next().unwrap_or_default();
            seen.complain(&seen.failed, format!("an answer was {status}: {first}"));
        }
    }
    Ok(())
}
