use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::Arc;

use async_trait::async_trait;
use launcher_model::event::{EventKind, NewEvent};
use launcher_store::sqlite;
use launcher_testkit::Folder;
use launcher_testkit::wait::{SOON, until};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::*;
use crate::sink::{Parcel, Takes};

/// A place that keeps what it is told, and refuses as it is scripted.
struct Place {
    takes: Takes,
    told: Mutex<Vec<Vec<String>>>,
    refusals: Mutex<VecDeque<Refusal>>,
    /// Lines that it never takes.
    poison: Option<&'static str>,
    back: Notify,
    /// It has a message, and does not say so.
    hangs: std::sync::atomic::AtomicBool,
}

#[async_trait]
impl Sink for Place {
    fn takes(&self) -> Takes {
        self.takes
    }

    async fn send(&self, parcel: &Parcel) -> Result<(), Refusal> {
        if let Some(refusal) = self.refusals.lock().unwrap().pop_front() {
            return Err(refusal);
        }
        let lines: Vec<String> = parcel.lines.iter().map(|line| line.text.clone()).collect();
        if self.poison.is_some_and(|poison| lines.iter().any(|line| line.contains(poison))) {
            return Err(Refusal::never("it is poison"));
        }
        self.told.lock().unwrap().push(lines);
        if self.hangs.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        Ok(())
    }

    async fn is_back(&self) {
        self.back.notified().await;
    }
}

impl Place {
    fn new(takes: Takes) -> Self {
        Self {
            takes,
            told: Mutex::default(),
            refusals: Mutex::default(),
            poison: None,
            back: Notify::new(),
            hangs: std::sync::atomic::AtomicBool::new(false),
        }
    }

    /// All lines that it was told, in order.
    fn lines(&self) -> Vec<String> {
        self.told.lock().unwrap().concat()
    }

    async fn is_told(&self, lines: &[&str]) {
        until(&format!("{lines:?} being told"), SOON, || async {
            (self.lines() == lines).then_some(())
        })
        .await;
    }
}

const LINES: Takes =
    Takes::Lines { at_once: NonZeroUsize::new(2).unwrap(), newest: NonZeroUsize::new(5).unwrap() };

struct World {
    store: Arc<dyn Store>,
    place: Arc<Place>,
    target: Arc<Target>,
    now: Arc<Mutex<Timestamp>>,
    running: Option<JoinHandle<()>>,
    _folder: Folder,
}

impl World {
    async fn new(place: Place, events: &str) -> Self {
        let folder = Folder::new();
        let store = sqlite::open(&folder.path().join("store.db")).await.unwrap();
        let place = Arc::new(place);
        let target = Arc::new(Target {
            name: "place".to_owned(),
            kind: "place",
            rule: Rule::new(&["*".to_owned()], &[events.to_owned()]).unwrap(),
            sink: Arc::clone(&place) as Arc<dyn Sink>,
            tally: Tally::default(),
        });
        let now = Arc::new(Mutex::new("2026-11-24T11:00:00Z".parse().unwrap()));
        let mut world =
            Self { store: Arc::new(store), place, target, now, running: None, _folder: folder };
        world.start().await;
        world
    }

    async fn told(&self) -> Told {
        self.store.told().await.unwrap().remove(0)
    }

    async fn start(&mut self) {
        let told = self.store.begin_telling(&["place".to_owned()]).await.unwrap();
        let now = Arc::clone(&self.now);
        let preview = Arc::new(|_: &_, _| String::new());
        let common = Common {
            store: Arc::clone(&self.store),
            links: Links::new("http://pages", preview),
            clock: Arc::new(move || *now.lock().unwrap()),
            give_up_after: SignedDuration::from_hours(24),
        };
        let delivery = Delivery::new(Arc::clone(&self.target), common, &told[0]);
        self.running = Some(tokio::spawn(delivery.run()));
    }

    /// As a process that is killed: whatever was about to be done is not.
    async fn kill(&mut self) {
        let running = self.running.take().unwrap();
        running.abort();
        let _ = running.await;
    }

    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }

    async fn happens(&self, texts: &[&str]) {
        for text in texts {
            let event = NewEvent::new(EventKind::EngineLost, *text);
            self.store.record(&[event], self.now()).await.unwrap();
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            running.abort();
        }
    }
}

#[tokio::test]
async fn what_happens_is_told_in_order_and_what_is_not_wanted_is_not() {
    let world = World::new(Place::new(Takes::Each), "hosts").await;
    world.happens(&["one", "two"]).await;
    let other = NewEvent::new(EventKind::TokenCreated, "a token");
    world.store.record(&[other], world.now()).await.unwrap();
    world.happens(&["three"]).await;
    world.place.is_told(&["one", "two", "three"]).await;
    assert!(world.place.told.lock().unwrap().iter().all(|parcel| parcel.len() == 1));
}

#[tokio::test]
async fn a_message_whose_receipt_was_not_written_down_is_told_again_after_a_kill() {
    let mut world = World::new(Place::new(Takes::Each), "all").await;
    world.place.hangs.store(true, Ordering::Relaxed);
    world.happens(&["one", "two"]).await;
    // It has the first; this process dies before it knows.
    world.place.is_told(&["one"]).await;
    assert_eq!(world.told().await.up_to, 0);
    world.kill().await;
    world.happens(&["three"]).await;
    world.place.hangs.store(false, Ordering::Relaxed);
    world.start().await;
    world.place.is_told(&["one", "one", "two", "three"]).await;
    until("the place in the order being written down", SOON, || async {
        (world.told().await.up_to == 3).then_some(())
    })
    .await;
    world.kill().await;
    world.start().await;
    world.happens(&["four"]).await;
    world.place.is_told(&["one", "one", "two", "three", "four"]).await;
}

#[tokio::test]
async fn what_fails_is_tried_again_when_the_place_is_back() {
    let place = Place::new(Takes::Each);
    place.refusals.lock().unwrap().push_back(Refusal::Later {
        why: "it is away".to_owned(),
        // Longer than this test waits for anything.
        not_before: Some(Duration::from_secs(3600)),
    });
    let world = World::new(place, "all").await;
    world.happens(&["one"]).await;
    let failing = until("the failure being written down", SOON, || async {
        let told = world.told().await;
        (told.attempts > 0).then_some(told)
    })
    .await;
    assert_eq!(failing.last_error.as_deref(), Some("it is away"));
    assert_eq!((failing.up_to, failing.failing_since), (0, Some(world.now())));
    let next =
        until("the next try being known", SOON, || async { world.target.tally.next_try() }).await;
    assert_eq!(next.duration_since(world.now()).as_secs(), 3600);
    world.place.back.notify_one();
    world.place.is_told(&["one"]).await;
    let told = until("success being written down", SOON, || async {
        let told = world.told().await;
        (told.up_to == 1).then_some(told)
    })
    .await;
    assert_eq!((told.attempts, told.failing_since, told.last_error), (0, None, None));
    assert_eq!(world.target.tally.errors.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn what_is_refused_for_good_is_given_up_alone() {
    let place = Place { poison: Some("two"), ..Place::new(LINES) };
    let world = World::new(place, "all").await;
    world.happens(&["one", "two", "three", "four"]).await;
    until("all others being told", SOON, || async {
        let lines = world.place.lines();
        (lines == ["one", "three", "four"]).then_some(())
    })
    .await;
    until("what is given up being counted", SOON, || async {
        let told = world.told().await;
        (told.given_up == 1 && told.up_to == 4).then_some(())
    })
    .await;
}

#[tokio::test]
async fn many_that_wait_are_folded() {
    let mut world = World::new(Place::new(LINES), "all").await;
    world.kill().await;
    let texts: Vec<String> = (1..=12).map(|number| number.to_string()).collect();
    world.happens(&texts.iter().map(String::as_str).collect::<Vec<_>>()).await;
    world.start().await;
    world.place.is_told(&["… and 7 more events", "8", "9", "10", "11", "12"]).await;
    until("all of them being written down", SOON, || async {
        (world.told().await.up_to == 12).then_some(())
    })
    .await;
    assert_eq!(world.target.tally.told.load(Ordering::Relaxed), 12);
    let parcels = world.place.told.lock().unwrap().clone();
    assert_eq!(parcels.iter().map(Vec::len).collect::<Vec<_>>(), [3, 2, 1]);
}

#[tokio::test]
async fn what_is_too_old_is_given_up() {
    let mut world = World::new(Place::new(Takes::Each), "all").await;
    world.kill().await;
    world.happens(&["old", "older"]).await;
    let later = world.now().checked_add(SignedDuration::from_hours(25)).unwrap();
    *world.now.lock().unwrap() = later;
    world.happens(&["new"]).await;
    world.start().await;
    world.place.is_told(&["new"]).await;
    until("what is given up being counted", SOON, || async {
        let told = world.told().await;
        (told.given_up == 2 && told.up_to == 3).then_some(())
    })
    .await;
}

/// A deployment of the shop that is live and drains.
async fn drains(world: &World) -> launcher_model::DeploymentId {
    let shop = launcher_model::ServiceName::new("shop").unwrap();
    let spec = serde_json::json!({ "service": { "name": "shop", "port": 8080 } });
    let spec = serde_json::from_value(spec).unwrap();
    world.store.put_service(&spec, "alice", world.now()).await.unwrap();
    let new = launcher_store::NewDeployment {
        service: shop.clone(),
        kind: launcher_model::route::DeploymentKind::Offline,
        state: launcher_model::route::DeploymentState::Preparing,
        from: Default::default(),
        to: Default::default(),
        by: "alice".to_owned(),
        automatic: false,
        note: None,
        key: None,
    };
    let deployment = world.store.begin_deployment(new, &[], world.now()).await.unwrap();
    world.store.commit_route(deployment.id, world.now()).await.unwrap();
    let live = NewEvent::new(EventKind::DeploymentLive, "live").service(&shop);
    let receipt = receipt(None);
    world.store.deployment_live(deployment.id, &receipt, &[live], world.now()).await.unwrap();
    deployment.id
}

fn receipt(drain_ms: Option<u64>) -> launcher_model::route::Receipt {
    launcher_model::route::Receipt {
        switch_us: 4_100,
        in_flight_requests: 3,
        drained: if drain_ms.is_some() { 3 } else { 0 },
        drain_ms,
        ..Default::default()
    }
}

#[tokio::test]
async fn a_deployment_waits_for_a_short_drain_and_is_told_with_it() {
    let world = World::new(Place::new(LINES), "deployments").await;
    world.happens(&["before"]).await;
    let id = drains(&world).await;
    let drained = NewEvent::new(EventKind::DeploymentDrained, "drained");
    let drained = drained.service(&launcher_model::ServiceName::new("shop").unwrap());
    assert_eq!(world.place.lines(), Vec::<String>::new());
    world.store.deployment_done(id, &receipt(Some(900)), &[drained], world.now()).await.unwrap();
    world
        .place
        .is_told(&["alice took shop offline: live on 0 edges in 4.1 ms, 3 requests in flight: 3 drained, 0 failed"])
        .await;
    until("all being passed", SOON, || async {
        (world.target.tally.up_to.load(Ordering::Relaxed) == 4).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_long_drain_is_not_waited_for() {
    let mut world = World::new(Place::new(LINES), "all").await;
    world.kill().await;
    drains(&world).await;
    let later = world.now().checked_add(SignedDuration::from_secs(6)).unwrap();
    *world.now.lock().unwrap() = later;
    world.start().await;
    world
        .place
        .is_told(&[
            "shop was created, by alice",
            "alice took shop offline: live on 0 edges in 4.1 ms, 3 requests still in flight",
        ])
        .await;
}

/// A deployment of the shop whose drain took less than a second is over.
async fn has_drained(world: &World) {
    let id = drains(world).await;
    let drained = NewEvent::new(EventKind::DeploymentDrained, "drained");
    let drained = drained.service(&launcher_model::ServiceName::new("shop").unwrap());
    world.store.deployment_done(id, &receipt(Some(900)), &[drained], world.now()).await.unwrap();
}

#[tokio::test]
async fn programs_are_told_of_a_short_drain_too() {
    let mut world = World::new(Place::new(Takes::Each), "deployments").await;
    world.kill().await;
    has_drained(&world).await;
    world.start().await;
    until("both being told", SOON, || async {
        let lines = world.place.lines();
        (lines.len() == 2 && lines[0].contains("3 drained") && lines[1].contains("drained"))
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn who_is_not_told_that_it_is_live_is_told_of_a_short_drain() {
    let mut world = World::new(Place::new(LINES), "deployment_drained").await;
    world.kill().await;
    has_drained(&world).await;
    world.start().await;
    until("it being told", SOON, || async { (world.place.lines().len() == 1).then_some(()) }).await;
}
