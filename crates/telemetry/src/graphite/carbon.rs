//! Writing to carbon.
//!
//! Carbon acknowledges nothing. What was sent within the last minute is therefore sent again over the next
//! connection, when one has ended: a number of a second that is written twice is the same number.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::protocol::{Point, Protocol};

/// As many numbers wait while carbon is away; the oldest go first.
const MOST: usize = 500_000;

/// For how many seconds what was sent is kept, for another connection.
const AGAIN: i64 = 60;

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
const WRITE_WITHIN: Duration = Duration::from_secs(10);
const FIRST_DELAY: Duration = Duration::from_millis(200);
const LONGEST_DELAY: Duration = Duration::from_secs(10);

/// Where carbon is, and how it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarbonOptions {
    /// `host:port`.
    pub address: String,
    /// In which of its ways.
    pub protocol: Protocol,
}

/// What is told to carbon. It waits here while carbon is away.
pub struct Carbon {
    options: CarbonOptions,
    state: Mutex<State>,
    came: Notify,
}

#[derive(Default)]
struct State {
    /// Numbers of a second each, oldest first.
    waiting: VecDeque<Batch>,
    /// Those that were sent, and may not have arrived.
    sent: VecDeque<Batch>,
    counts: Counts,
}

type Batch = (i64, Arc<[Point]>);

/// How it goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Numbers that were sent, those that were sent again too.
    pub sent: u64,
    /// Numbers that were dropped, as carbon was away for too long.
    pub dropped: u64,
    /// Numbers that wait.
    pub waiting: u64,
    /// How often a connection could not be made, or ended.
    pub errors: u64,
    /// Why, the last time; none while there is a connection.
    pub trouble: Option<String>,
}

impl Carbon {
    /// Nothing is told until it [runs](Self::run).
    #[must_use]
    pub fn new(options: CarbonOptions) -> Self {
        Self { options, state: Mutex::default(), came: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How it goes.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.state().counts.clone()
    }

    /// Has carbon told of what was measured at a time. Nobody waits for that.
    pub fn tell(&self, at: i64, points: Vec<Point>) {
        if points.is_empty() {
            return;
        }
        let mut state = self.state();
        state.counts.waiting += points.len() as u64;
        state.waiting.push_back((at, points.into()));
        while state.counts.waiting > MOST as u64 && state.waiting.len() > 1 {
            if let Some((_, oldest)) = state.waiting.pop_front() {
                state.counts.waiting -= oldest.len() as u64;
                state.counts.dropped += oldest.len() as u64;
            }
        }
        drop(state);
        self.came.notify_one();
    }

    /// Tells carbon what comes, for ever.
    pub async fn run(&self) {
        let mut delay = FIRST_DELAY;
        loop {
            let mut connected = false;
            let Err(error) = self.talk(&mut connected).await;
            let first = {
                let mut state = self.state();
                state.counts.errors += 1;
                state.counts.trouble.replace(error.to_string()).is_none()
            };
            if first {
                let address = &self.options.address;
                tracing::warn!(%address, %error, "carbon is away; what is measured waits for it");
            }
            delay = if connected { FIRST_DELAY } else { (delay * 2).min(LONGEST_DELAY) };
            tokio::time::sleep(delay).await;
        }
    }

    /// Tells what waits over one connection, until that ends.
    async fn talk(&self, connected: &mut bool) -> io::Result<std::convert::Infallible> {
        let connect = TcpStream::connect(&self.options.address);
        let mut stream = within(CONNECT_WITHIN, connect).await?;
        *connected = true;
        self.begin_again();
        // Carbon says nothing: what can be read is the end.
        let mut nothing = [0; 64];
        loop {
            // Taken off the front only when it is out; a connection that breaks leaves it there.
            let next = self.state().waiting.front().cloned();
            let Some((at, points)) = next else {
                tokio::select! {
                    () = self.came.notified() => continue,
                    read = stream.read(&mut nothing) => match read? {
                        0 => return Err(ended()),
                        _ => continue,
                    },
                }
            };
            if is_over(&stream)? {
                return Err(ended());
            }
            let bytes = self.options.protocol.write(&points);
            within(WRITE_WITHIN, stream.write_all(&bytes)).await?;
            self.is_out(at, &points);
        }
    }

    /// What was sent over the connection before goes out first: it may not have arrived.
    fn begin_again(&self) {
        let mut state = self.state();
        while let Some(batch) = state.sent.pop_back() {
            state.counts.waiting += batch.1.len() as u64;
            state.waiting.push_front(batch);
        }
    }

    fn is_out(&self, at: i64, points: &Arc<[Point]>) {
        let mut state = self.state();
        // It may have been dropped meanwhile, as one of too many.
        let is_first = state.waiting.front().is_some_and(|(_, first)| Arc::ptr_eq(first, points));
        if is_first && let Some(batch) = state.waiting.pop_front() {
            state.counts.waiting -= batch.1.len() as u64;
            state.sent.push_back(batch);
        }
        state.counts.sent += points.len() as u64;
        state.counts.trouble = None;
        while state.sent.front().is_some_and(|(sent, _)| *sent < at - AGAIN) {
            state.sent.pop_front();
        }
    }
}

/// Whether the other side has closed a connection on which it never says anything.
fn is_over(stream: &TcpStream) -> io::Result<bool> {
    match stream.try_read(&mut [0; 64]) {
        Ok(read) => Ok(read == 0),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
    }
}

fn ended() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "carbon has closed the connection")
}

async fn within<T>(span: Duration, future: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let late = || io::Error::new(io::ErrorKind::TimedOut, "carbon does not answer");
    tokio::time::timeout(span, future).await.map_err(|_| late())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carbon() -> Carbon {
        let address = "127.0.0.1:1".to_owned();
        Carbon::new(CarbonOptions { address, protocol: Protocol::Plaintext })
    }

    fn points(many: usize) -> Vec<Point> {
        vec![Point { name: "a".to_owned(), at: 0, value: 0.0 }; many]
    }

    #[test]
    fn what_is_too_much_is_dropped_from_the_oldest_and_counted() {
        let carbon = carbon();
        for at in 0..11 {
            carbon.tell(at, points(MOST / 10));
        }
        let counts = carbon.counts();
        assert_eq!((counts.waiting, counts.dropped), (MOST as u64, MOST as u64 / 10));
        assert_eq!(carbon.state().waiting.front().unwrap().0, 1);
    }

    #[test]
    fn what_was_sent_in_the_last_minute_goes_out_again() {
        let carbon = carbon();
        for at in 0..100 {
            carbon.tell(at, points(1));
            let (at, first) = carbon.state().waiting.front().cloned().unwrap();
            carbon.is_out(at, &first);
        }
        carbon.tell(100, points(1));
        assert_eq!(carbon.counts().waiting, 1);
        carbon.begin_again();
        let waiting: Vec<i64> = carbon.state().waiting.iter().map(|(at, _)| *at).collect();
        assert_eq!(waiting, (39..=100).collect::<Vec<i64>>());
        assert_eq!(carbon.counts().waiting, 62);
    }
}
