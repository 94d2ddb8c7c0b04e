//! The conversation with the control plane. It knows the [`protocol`](crate::protocol) and asks a
//! [`Driver`], whichever it is; what it runs over is any stream.

mod belonging;
mod quiet;
mod talk;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use launcher_model::EdgeName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;

use crate::driver::Driver;
use crate::remote::Membership;
use talk::converse;

pub(crate) use quiet::Quiet;

/// From the first attempt to reach the control plane to the second; doubled from there on, up to the
/// longest.
const FIRST_DELAY: Duration = Duration::from_millis(10);
const LONGEST_DELAY: Duration = Duration::from_secs(1);

/// How long an edge that has just started, and has reached the control plane, waits to be told the
/// routes before it serves those that it kept. They may be old: it may have missed a switch.
const WELCOME_WITHIN: Duration = Duration::from_secs(1);

/// A control plane that was started together with this edge may take so long until it listens.
const STARTS_WITHIN: Duration = Duration::from_secs(5);

/// How long a connection to another machine may take to come about.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// How an edge introduces itself.
#[derive(Debug, Clone)]
pub(crate) struct Introduction {
    pub(crate) edge: EdgeName,
    pub(crate) http: Vec<SocketAddr>,
    pub(crate) https: Vec<SocketAddr>,
}

/// Where the control plane is.
#[derive(Debug, Clone)]
pub enum ControlPlane {
    /// On this machine, at a Unix socket: who may open it is the file system's to say.
    Local(PathBuf),
    /// On another machine, which this edge has joined.
    Remote(Arc<Membership>),
}

/// A connection to the control plane.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl ControlPlane {
    async fn connect(&self) -> io::Result<Box<dyn Stream>> {
        match self {
            Self::Local(socket) => Ok(Box::new(UnixStream::connect(socket).await?)),
            Self::Remote(membership) => {
                let connected = tokio::time::timeout(CONNECT_WITHIN, membership.connect()).await;
                Ok(Box::new(connected.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??))
            }
        }
    }
}

/// Keeps a connection to the control plane, for ever, and has the driver serve when
/// that has been welcomed for the first time, or cannot be.
pub(crate) async fn keep_connected<D: Driver>(
    driver: Arc<D>,
    introduction: Introduction,
    control: &ControlPlane,
    quiet: &Quiet,
) {
    // Routes of another installation are not served, unless that had begun before.
    let foreign = AtomicBool::new(false);
    let open_at_last = async {
        tokio::time::sleep(WELCOME_WITHIN).await;
        if !foreign.load(Relaxed) {
            driver.open();
        }
    };
    tokio::join!(open_at_last, connect_for_ever(&driver, &introduction, control, quiet, &foreign));
}

async fn connect_for_ever<D: Driver>(
    driver: &Arc<D>,
    introduction: &Introduction,
    control: &ControlPlane,
    quiet: &Quiet,
    foreign: &AtomicBool,
) {
    let mut delay = FIRST_DELAY;
    let mut absence = Absence::at_start(Instant::now());
    loop {
        quiet.keep().await;
        let mut welcomed = false;
        let connected = tokio::select! {
            connected = control.connect() => connected,
            () = quiet.is_wanted() => continue,
        };
        let ended = match connected {
            Ok(stream) => {
                converse(stream, driver, introduction, quiet, foreign, &mut welcomed).await
            }
            Err(error) => Err(error.into()),
        };
        if !foreign.load(Relaxed) {
            driver.open();
        }
        driver.abandon().await;
        if welcomed {
            absence = Absence::after_welcome(Instant::now());
        }
        if absence.is_worth_telling(Instant::now()) {
            let why =
                ended.err().map_or_else(|| "it closed the connection".into(), |e| e.to_string());
            tracing::warn!(%why, "the control plane is away; serving on with what it said last");
        }
        delay = if welcomed { FIRST_DELAY } else { (delay * 2).min(LONGEST_DELAY) };
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            () = quiet.is_wanted() => {}
        }
    }
}

/// The time since the control plane was there, of which is told once.
struct Absence {
    began: Instant,
    /// As long as this it is no news.
    expected: Duration,
    told: bool,
}

impl Absence {
    fn at_start(began: Instant) -> Self {
        Self { began, expected: STARTS_WITHIN, told: false }
    }

    fn after_welcome(began: Instant) -> Self {
        Self { began, expected: Duration::ZERO, told: false }
    }

    /// Whether to tell of it now.
    fn is_worth_telling(&mut self, now: Instant) -> bool {
        let tell = !self.told && now.duration_since(self.began) >= self.expected;
        self.told |= tell;
        tell
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absence_is_told_once_and_at_the_start_only_when_it_lasts() {
        let began = Instant::now();
        let mut at_start = Absence::at_start(began);
        let told = [0, 1, 2, 3].map(|n| at_start.is_worth_telling(began + STARTS_WITHIN / 2 * n));
        assert_eq!(told, [false, false, true, false]);
        let mut later = Absence::after_welcome(began);
        assert_eq!([0; 2].map(|_| later.is_worth_telling(began)), [true, false]);
    }
}
