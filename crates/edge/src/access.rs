//! The access log: what became of each request, told to a [`Sink`].
//!
//! On a request's way nothing is formatted and nothing locked. What is to be told of it is copied into a
//! [`Draft`], which one request after the other uses, and put with others of its thread at the end. A few
//! hundred together go to one thread, which makes [`Entry`]s of them. When that cannot follow they are
//! dropped and counted: no request waits for its log.

mod batch;
mod draft;
mod private;

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use http::Version;
use tokio::sync::oneshot;

pub(crate) use batch::Batch;
pub(crate) use draft::{Draft, Passed};

/// So much waits for the writer, in bytes.
const WAITING: usize = 8 << 20;

/// From one warning that entries were dropped to the next.
const WARNED: Duration = Duration::from_secs(10);

/// What became of one request.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry<'a> {
    /// When its head had come.
    pub began: SystemTime,
    /// From then to the end of its response, or of the connection that it was upgraded to.
    pub took: Duration,
    /// Of that, how long it waited before it was sent to a container: because its service was held, for an
    /// environment to wake, or for a login to be looked at.
    pub queued: Duration,
    /// From then to the head of the container's response; none when the edge answered itself.
    pub head: Option<Duration>,
    /// The service.
    pub service: &'a str,
    /// The version; none when the edge answered before one was chosen.
    pub version: Option<u32>,
    /// The container that it was sent to last: the first twelve digits of its id.
    pub container: Option<&'a str>,
    /// Whether it was production traffic.
    pub traffic: Traffic,
    /// Who asked: the other end of the connection.
    pub client: IpAddr,
    /// The method.
    pub method: Cow<'a, str>,
    /// The host as the client wrote it.
    pub host: Cow<'a, str>,
    /// The path, with the query unless that is left out. Passes that try a version are never in it.
    pub path: Cow<'a, str>,
    /// The protocol.
    pub protocol: &'static str,
    /// The status; none when the client was gone before there was one.
    pub status: Option<u16>,
    /// Bytes of bodies, and of upgraded connections, that the client sent and a container was sent.
    pub received: u64,
    /// Bytes of them that went to the client.
    pub sent: u64,
    /// How often it was sent to another container.
    pub again: u32,
    /// What the client said it comes from, under the same rules as the path.
    pub referer: Option<Cow<'a, str>>,
    /// What the client said it is.
    pub agent: Option<Cow<'a, str>>,
    /// How it ended.
    pub end: End,
}

/// Whose traffic a request was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Traffic {
    /// Users', by a production hostname.
    #[default]
    Production,
    /// Of one who looks at a version: at its preview, or at production with a pass to try it.
    Preview,
}

impl Traffic {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Preview => "preview",
        }
    }
}

/// How a request ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum End {
    /// With the whole of its response.
    Whole,
    /// The container broke the response off, or stopped within it.
    Broken,
    /// The client's connection ended before.
    #[default]
    Gone,
}

impl End {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Broken => "broken",
            Self::Gone => "gone",
        }
    }
}

/// The name of a version of HTTP, as requests have it.
fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "HTTP/0.9",
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        Version::HTTP_3 => "HTTP/3.0",
        _ => "HTTP/1.1",
    }
}

/// Where entries go. All calls come from one thread, which nothing waits for but the log itself.
pub trait Sink: Send + 'static {
    /// Takes an entry.
    fn write(&mut self, entry: &Entry<'_>);

    /// No other one comes for a moment: what was put together is to be passed on.
    fn flush(&mut self) {}
}

/// What is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Whether queries are, which may hold what is secret.
    pub query: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { query: true }
    }
}

/// Where the threads that carry requests leave what is to be told. Clones are the same.
#[derive(Clone)]
pub struct Log {
    to: Sender<Message>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    /// What waits for the writer, in bytes.
    waiting: AtomicUsize,
    /// Entries.
    dropped: AtomicU64,
}

enum Message {
    Batch(Batch),
    End,
}

/// The thread that writes the log.
#[derive(Debug)]
pub struct Writer {
    to: Sender<Message>,
    ended: oneshot::Receiver<()>,
}

/// Begins a log.
///
/// # Errors
/// When its thread does not start.
pub fn open(sink: impl Sink, options: Options) -> io::Result<(Log, Writer)> {
    let (to, from) = channel();
    let counts = Arc::<Counts>::default();
    let writing = Writing { sink, options, counts: counts.clone(), told: 0, warned: None };
    let (ending, ended) = oneshot::channel();
    let run = move || {
        writing.run(&from);
        // Nobody may wait for it.
        let _ = ending.send(());
    };
    thread::Builder::new().name("edge-log".into()).spawn(run)?;
    Ok((Log { to: to.clone(), counts }, Writer { to, ended }))
}

impl Log {
    /// Hands entries over, or drops them when too many wait.
    pub(crate) fn send(&self, batch: Batch) {
        let (bytes, entries) = (batch.bytes(), batch.len() as u64);
        let fits = self.counts.waiting.fetch_add(bytes, Relaxed) + bytes <= WAITING;
        // Once the writer has ended, nothing is taken.
        if !fits || self.to.send(Message::Batch(batch)).is_err() {
            self.counts.waiting.fetch_sub(bytes, Relaxed);
            self.counts.dropped.fetch_add(entries, Relaxed);
        }
    }

    /// How many entries were dropped because the writer could not follow.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.counts.dropped.load(Relaxed)
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("dropped", &self.dropped()).finish_non_exhaustive()
    }
}

impl Writer {
    /// Waits until the sink has taken all that was left before. What comes later is dropped.
    pub async fn close(self) {
        // One that has ended already takes nothing, and needs not to be told.
        let _ = self.to.send(Message::End);
        if self.ended.await.is_err() {
            tracing::error!("the thread that writes the access log broke");
        }
    }
}

struct Writing<S> {
    sink: S,
    options: Options,
    counts: Arc<Counts>,
    /// How many dropped ones were warned of.
    told: u64,
    warned: Option<Instant>,
}

impl<S: Sink> Writing<S> {
    fn run(mut self, from: &Receiver<Message>) {
        while let Ok(Message::Batch(batch)) = from.recv() {
            // Requests know when they began by a clock that only counts.
            let (now, time) = (Instant::now(), SystemTime::now());
            for entry in batch.entries(self.options, now, time) {
                self.sink.write(&entry);
            }
            self.sink.flush();
            self.counts.waiting.fetch_sub(batch.bytes(), Relaxed);
            self.warn();
        }
    }

    fn warn(&mut self) {
        let dropped = self.counts.dropped.load(Relaxed);
        let lately = self.warned.is_some_and(|warned| warned.elapsed() < WARNED);
        if dropped > self.told && !lately {
            tracing::warn!(
                entries = dropped - self.told,
                "the access log cannot follow; entries were dropped"
            );
            (self.told, self.warned) = (dropped, Some(Instant::now()));
        }
    }
}
