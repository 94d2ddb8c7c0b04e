//! Requests that wait while their service is held.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::support::*;
use bytes::Bytes;
use http_body_util::Empty;
use launcher_edge::protocol::{FromEdge, HoldOutcome, ToEdge};
use launcher_edge::table::ServiceTable;
use launcher_model::ServiceName;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

fn name(name: &str) -> ServiceName {
    ServiceName::new(name).unwrap()
}

async fn begin_to_hold(lab: &mut Lab, within_ms: u64) {
    lab.control.say(ToEdge::Hold { service: name("shop"), within_ms }).await;
}

async fn is_held(lab: &mut Lab) -> Result<bool, String> {
    match lab.control.hear().await {
        FromEdge::Held { outcome, .. } => outcome,
        other => panic!("{other:?}"),
    }
}

async fn hold(lab: &mut Lab, within_ms: u64) -> bool {
    begin_to_hold(lab, within_ms).await;
    is_held(lab).await.unwrap()
}

async fn release(lab: &mut Lab) -> HoldOutcome {
    lab.control.say(ToEdge::Release { service: name("shop") }).await;
    loop {
        match lab.control.hear().await {
            FromEdge::Released { outcome, .. } => return outcome,
            FromEdge::Drained { deployment, outcome } => {
                lab.control.outcomes.push((deployment.0, outcome));
            }
            other => panic!("{other:?}"),
        }
    }
}

/// A request that is on its way, over a connection that comes back with the answer.
type Asking = JoinHandle<(Answer, Client<Empty<Bytes>>)>;

fn asking(mut client: Client<Empty<Bytes>>) -> Asking {
    tokio::spawn(async move { (client.ask(request(HOST, "/")).await, client) })
}

/// Sees that requests have begun to wait: the edge has read them, and nothing has come of it.
async fn wait_at_the_edge(asking: &[Asking]) {
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(asking.iter().all(|asking| !asking.is_finished()), "they do not wait");
}

fn other_service(pool: &[(u32, &[&Container])]) -> ServiceTable {
    ServiceTable {
        name: name("other"),
        hosts: vec!["other.test".into()],
        ..shop(1, &[(1, 100)], pool)
    }
}

#[tokio::test]
async fn requests_wait_for_the_new_version_and_nothing_else_does() {
    let (v1, v2) = (Container::named("one").await, Container::named("two").await);
    let pools: &[(u32, &[&Container])] = &[(1, &[&v1]), (2, &[&v2])];
    let mut lab = Lab::new(&[shop(1, &[(1, 100)], pools), other_service(pools)]).await;
    let mut clients = Vec::new();
    for _ in 0..8 {
        let mut client = Client::connect(lab.edge.http).await;
        assert_eq!(client.ask(request(HOST, "/")).await.body, "one");
        clients.push(client);
    }
    lab.control.prepare(7, &shop(2, &[(2, 100)], pools)).await.unwrap();
    let began = Instant::now();
    assert!(hold(&mut lab, 10_000).await, "nothing is in flight");
    let asking: Vec<_> = clients.into_iter().map(asking).collect();
    wait_at_the_edge(&asking).await;
    assert_eq!(get(lab.edge.http, "other.test", "/").await.body, "one");
    assert_eq!(get(lab.edge.http, "v1.shop.preview.test", "/").await.body, "one");

    let before = v1.requests();
    let flip = lab.control.commit(7).await.unwrap();
    assert_eq!(flip.in_flight.requests, 0, "those that wait are in flight nowhere");
    assert!(asking.iter().all(|asking| !asking.is_finished()), "a commit releases nobody");
    let outcome = release(&mut lab).await;
    let longest = Duration::from_micros(outcome.longest_us);
    assert_eq!((outcome.requests, outcome.lapsed), (8, false));
    assert!(longest >= Duration::from_millis(100) && longest <= began.elapsed(), "{longest:?}");
    for asking in asking {
        let (answer, mut client) = soon("an answer", asking).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, "two"));
        assert_eq!(client.ask(request(HOST, "/")).await.body, "two", "keep-alive goes on");
    }
    assert_eq!(v1.requests(), before, "none went by the old version");
    assert_eq!(lab.control.drained(7).await.drained, 0);
}

#[tokio::test]
async fn a_deadline_lets_go_by_itself_also_without_a_control_plane() {
    let v1 = Container::named("one").await;
    let mut lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&v1])])]).await;
    assert!(hold(&mut lab, 300).await);
    let Lab { edge, control, listener, dir } = lab;
    drop((control, listener));
    let began = Instant::now();
    assert_eq!(get(edge.http, HOST, "/").await.body, "one");
    let waited = began.elapsed();
    assert!((200..2_000).contains(&waited.as_millis()), "{waited:?}");
    let began = Instant::now();
    assert_eq!(get(edge.http, HOST, "/").await.body, "one");
    assert!(began.elapsed() < Duration::from_millis(200), "nothing is held any more");
    drop(dir);
}

#[tokio::test]
async fn that_a_deadline_passed_is_told_at_the_release() {
    let v1 = Container::named("one").await;
    let mut lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&v1])])]).await;
    assert!(hold(&mut lab, 200).await);
    assert_eq!(lab.get("/").await.body, "one");
    let outcome = release(&mut lab).await;
    assert_eq!((outcome.requests, outcome.lapsed), (1, true));
    assert!(outcome.longest_us >= 100_000, "{outcome:?}");
    assert_eq!(release(&mut lab).await, HoldOutcome::default(), "it is told once");
}

#[tokio::test]
async fn a_repeated_hold_is_the_same_and_lasts_longer() {
    let v1 = Container::named("one").await;
    let mut lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&v1])])]).await;
    assert!(hold(&mut lab, 200).await);
    let asking = [asking(Client::connect(lab.edge.http).await)];
    assert!(hold(&mut lab, 10_000).await);
    tokio::time::sleep(Duration::from_millis(400)).await;
    wait_at_the_edge(&asking).await;
    let outcome = release(&mut lab).await;
    assert_eq!((outcome.requests, outcome.lapsed), (1, false));
    lab.control.say(ToEdge::Hold { service: name("nobody"), within_ms: 100 }).await;
    let why = is_held(&mut lab).await.unwrap_err();
    assert!(why.contains("no service nobody"), "{why}");
}

#[tokio::test]
async fn what_is_in_flight_is_waited_for() {
    let (let_go, gate) = oneshot::channel::<()>();
    let gate = Arc::new(tokio::sync::Mutex::new(Some(gate)));
    let v1 = Container::serve("one", move |_| {
        let gate = gate.clone();
        async move {
            if let Some(gate) = gate.lock().await.take() {
                let _ = gate.await;
            }
            text("one")
        }
    })
    .await;
    let mut lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&v1])])]).await;
    let slow = asking(Client::connect(lab.edge.http).await);
    until("the request is in flight", || v1.requests() == 1).await;
    begin_to_hold(&mut lab, 20_000).await;
    // Other messages are answered meanwhile.
    lab.control.say(ToEdge::Ping { nonce: 5 }).await;
    assert_eq!(lab.control.hear().await, FromEdge::Pong { nonce: 5 });
    let next = asking(Client::connect(lab.edge.http).await);
    wait_at_the_edge(std::slice::from_ref(&next)).await;
    let_go.send(()).unwrap();
    assert_eq!(is_held(&mut lab).await, Ok(true));
    assert_eq!(slow.await.unwrap().0.body, "one");
    assert_eq!(release(&mut lab).await.requests, 1);
    assert_eq!(soon("the other", next).await.unwrap().0.body, "one");
}

#[tokio::test]
async fn a_websocket_is_not_waited_for_longer_than_half_of_the_time() {
    let container = websocket_echo().await;
    let mut table = shop(1, &[(1, 100)], &[(1, &[&container])]);
    table.pools.values_mut().for_each(|pool| pool.health = Default::default());
    let mut lab = Lab::new(&[table]).await;
    let socket = websocket(lab.edge.http).await;
    let began = Instant::now();
    assert!(!hold(&mut lab, 1_000).await, "it still is in flight");
    let took = began.elapsed();
    assert!((500..1_000).contains(&took.as_millis()), "{took:?}");
    // A release does not leave anybody waiting for rest.
    begin_to_hold(&mut lab, 60_000).await;
    lab.control.say(ToEdge::Release { service: name("shop") }).await;
    let mut told = [lab.control.hear().await, lab.control.hear().await];
    told.sort_by_key(|message| matches!(message, FromEdge::Released { .. }));
    let [FromEdge::Held { outcome: Ok(false), .. }, FromEdge::Released { .. }] = told else {
        panic!("{told:?}")
    };
    drop(socket);
}

#[tokio::test]
async fn a_client_that_gives_up_costs_nothing() {
    let v1 = Container::named("one").await;
    let mut lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&v1])])]).await;
    assert!(hold(&mut lab, 20_000).await);
    let mut stream = TcpStream::connect(lab.edge.http).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n").await.unwrap();
    let asking = [asking(Client::connect(lab.edge.http).await)];
    wait_at_the_edge(&asking).await;
    reset(stream);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let outcome = release(&mut lab).await;
    assert_eq!(outcome.requests, 2, "both waited");
    for asking in asking {
        assert_eq!(asking.await.unwrap().0.body, "one");
    }
    assert_eq!(v1.requests(), 1, "the container has not heard of the other");
}

/// Requests that come in a second, each at its time, whatever became of the one before.
const PER_SECOND: u32 = 500;
const FLIPS: u64 = 7;
/// How long a change of a database takes here.
const MIGRATION: Duration = Duration::from_millis(300);
/// What the edge says and what clients saw may differ so much, in the middle of all flips: a machine that
/// has other things to do may pause between the two in some of them.
const APART: Duration = Duration::from_millis(30);

/// When a request was sent, and when its answer had come.
type Visit = (Instant, Instant);

/// Asks as a crowd of browsers does until it is told to stop.
async fn crowd(http: SocketAddr, stop: Arc<AtomicBool>) -> Vec<Visit> {
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / PER_SECOND);
    let (mut idle, mut all) = (Vec::new(), Vec::new());
    let mut asked = JoinSet::new();
    while !stop.load(Ordering::Relaxed) {
        ticks.tick().await;
        while let Some(answered) = asked.try_join_next() {
            let (client, visit) = answered.unwrap();
            idle.push(client);
            all.push(visit);
        }
        let client = idle.pop();
        asked.spawn(async move {
            let sent = Instant::now();
            let mut client = match client {
                Some(client) => client,
                None => Client::connect(http).await,
            };
            let answer = client.ask(request(HOST, "/")).await;
            assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
            (client, (sent, Instant::now()))
        });
    }
    while let Some(answered) = asked.join_next().await {
        all.push(answered.unwrap().1);
    }
    all
}

/// How long clients were held that were let go at an instant: from the first who had to wait until the
/// first who was answered. Those answered after that one waited for each other too, as all come at once.
fn seen(visits: &[Visit], released: Instant) -> Duration {
    let held = visits.iter().filter(|(sent, answered)| *sent < released && *answered > released);
    let (sent, answered): (Vec<_>, Vec<_>) = held.copied().unzip();
    *answered.iter().min().unwrap() - *sent.iter().min().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_nothing_fails_at_500_requests_a_second_and_the_longest_wait_is_told() {
    let containers = [Container::named("one").await, Container::named("two").await];
    let pools: &[(u32, &[&Container])] = &[(1, &[&containers[0]]), (2, &[&containers[1]])];
    let mut lab = Lab::new(&[shop(1, &[(1, 100)], pools)]).await;
    let stop = Arc::new(AtomicBool::new(false));
    let crowd = tokio::spawn(crowd(lab.edge.http, stop.clone()));
    let (mut holds, mut held) = (Vec::new(), 0);
    for flip in 0..FLIPS {
        let before = &containers[usize::try_from(flip % 2).unwrap()];
        let asked = before.requests();
        until("there is load", || before.requests() > asked + 200).await;
        let (id, version) = (i64::try_from(flip).unwrap(), if flip % 2 == 0 { 2 } else { 1 });
        let next = shop(2 + flip, &[(version, 100)], pools);
        lab.control.prepare(id, &next).await.unwrap();
        let began = Instant::now();
        assert!(hold(&mut lab, 20_000).await, "requests of a moment come to rest");
        let asked = before.requests();
        tokio::time::sleep(MIGRATION).await;
        let flipped = lab.control.commit(id).await.unwrap();
        assert_eq!(flipped.in_flight.requests, 0);
        let released = Instant::now();
        let outcome = release(&mut lab).await;
        assert_eq!(before.requests(), asked, "no request reached it once all was at rest");
        let told = Duration::from_micros(outcome.longest_us);
        assert!(!outcome.lapsed && outcome.requests > 50, "{outcome:?}");
        assert!(told < began.elapsed(), "{told:?} is longer than the hold");
        held += outcome.requests;
        holds.push((released, told));
    }
    stop.store(true, Ordering::Relaxed);
    let visits = crowd.await.unwrap();
    eprintln!("{} requests, 0 failed, {held} of them held around {FLIPS} flips", visits.len());
    let mut apart = Vec::new();
    for (released, told) in holds {
        let seen = seen(&visits, released);
        eprintln!("the longest wait: told as {told:?}, clients saw {seen:?}");
        apart.push(told.abs_diff(seen));
    }
    apart.sort_unstable();
    assert!(apart[apart.len() / 2] < APART, "{apart:?}");
}
