//! Switches under load, with clients that do what HTTP has them do.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Empty;
use launcher_edge::protocol::ToEdge;
use launcher_edge::table::ServiceTable;
use launcher_model::{DeploymentId, Generation, Span};

use crate::lab::Lab;
use crate::support::*;

const CONNECTIONS: usize = 64;
const SWITCHES: u64 = 100;

/// When each version was live: from before the edge was told until after it said that it no more is.
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
    /// Idle connections that were closed as a request was sent over them.
    repeated: AtomicUsize,
    failed: AtomicUsize,
    misrouted: AtomicUsize,
    stop: AtomicBool,
}

fn count(counter: &AtomicUsize) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Asks over one connection, and opens another when the server has closed it. A request that gets no
/// answer over a connection that has carried others is asked again (RFC 9110 §9.2.2, RFC 9112 §9.3.1).
async fn browse(edge: std::net::SocketAddr, tally: Arc<Tally>, times: Arc<Times>) {
    let mut client: Option<Client<Empty<Bytes>>> = None;
    while !tally.stop.load(Ordering::Relaxed) {
        let from = Instant::now();
        let (mut over, was_used) = match client.take() {
            Some(client) => (client, true),
            None => (Client::connect(edge).await, false),
        };
        let response = match over.send(request(HOST, "/")).await {
            Ok(response) => response,
            Err(_) if was_used => {
                count(&tally.repeated);
                continue;
            }
            Err(error) => {
                eprintln!("a request over a new connection failed: {error}");
                count(&tally.failed);
                continue;
            }
        };
        let closes = response.headers().get("connection").is_some_and(|value| value == "close");
        let answer = whole(response).await;
        if answer.status != 200 {
            eprintln!("{} {}", answer.status, answer.body);
            count(&tally.failed);
        } else if !times.was_live(&answer.body, from, Instant::now()) {
            count(&tally.misrouted);
        }
        count(&tally.requests);
        client = (!closes).then_some(over);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Lets health checks take as long as a prepare may: on a busy machine the test's own containers answer
/// late, and that is not what is asked here.
fn patient(mut table: ServiceTable) -> ServiceTable {
    table.pools.values_mut().for_each(|pool| pool.health.timeout = Span::secs(5));
    table
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_nginx_switches_a_hundred_times_under_load_without_a_failed_request() {
    let (one, two) = (Container::named("one").await, Container::named("two").await);
    let (uno, due) = (Container::named("one").await, Container::named("two").await);
    let pools: &[(u32, &[&Container])] = &[(1, &[&one, &uno]), (2, &[&two, &due])];
    let mut lab = Lab::new(&[patient(shop(1, &[(1, 100)], pools))]).await;
    let (tally, times) = (Arc::new(Tally::default()), Arc::new(Times::default()));
    times.begins("one");
    let clients: Vec<_> = (0..CONNECTIONS)
        .map(|_| tokio::spawn(browse(lab.http, tally.clone(), times.clone())))
        .collect();
    until("there is load", || tally.requests.load(Ordering::Relaxed) > 500).await;

    let mut flips = Vec::new();
    for n in 0..SWITCHES {
        let (from, to, version) = if n % 2 == 0 { ("one", "two", 2) } else { ("two", "one", 1) };
        let id = i64::try_from(n).unwrap();
        let mut next = patient(shop(2 + n, &[(version, 100)], pools));
        next.generation = Generation(2 + n);
        lab.control.prepare(id, &next).await.unwrap();
        times.begins(to);
        let flip = lab.control.commit(id).await.unwrap();
        flips.push(Duration::from_micros(flip.took_us));
        times.ends(from);
        for (id, outcome) in std::mem::take(&mut lab.control.outcomes) {
            assert_eq!((outcome.failed, outcome.cut), (0, 0), "{outcome:?}");
            lab.control.say(ToEdge::DrainSeen { deployment: DeploymentId(id) }).await;
        }
    }
    tally.stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    flips.sort_unstable();
    let requests = tally.requests.load(Ordering::Relaxed);
    eprintln!(
        "{requests} requests during {SWITCHES} switches, {} of them repeated on a closed connection; \
         commits took {:?}, at most {:?}",
        tally.repeated.load(Ordering::Relaxed),
        flips[flips.len() / 2],
        flips[flips.len() - 1],
    );
    for (what, counter) in [("failed", &tally.failed), ("misrouted", &tally.misrouted)] {
        assert_eq!(counter.load(Ordering::Relaxed), 0, "{what}");
    }
    assert_eq!(lab.server.reloads() as u64, 1 + SWITCHES);
    assert!(one.requests() + uno.requests() > 0 && two.requests() + due.requests() > 0);
    until("all are counted", || {
        let counted = lab.edge.counters.read();
        counted.iter().map(|version| version.counted.requests[1]).sum::<u64>() == requests as u64
    })
    .await;
}
