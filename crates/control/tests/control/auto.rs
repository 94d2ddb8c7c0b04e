//! Versions that go live by themselves.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use launcher_control::{Control, Target};
use launcher_model::environment::EnvironmentState::Ready;
use launcher_model::event::EventKind;
use launcher_model::plan::auto::{RETRIES, WaitsFor};
use launcher_model::route::{Deployment, DeploymentState};
use launcher_model::service::ServiceSpec;
use launcher_model::{ServiceName, Span, VersionNumber};
use launcher_scheduler::fake::Script;
use launcher_store::{DeploymentFilter, Page};

use crate::edge::{Edge, Reply};
use crate::freezes::window;
use crate::world::{World, eventually};

const V1: VersionNumber = VersionNumber(1);
const V2: VersionNumber = VersionNumber(2);
const V3: VersionNumber = VersionNumber(3);

/// A service whose main branch goes live by itself.
async fn world(change: impl Fn(&mut ServiceSpec)) -> (World, Edge, ServiceName) {
    let (world, edge) = World::new().await;
    let shop = settle(&world, change).await;
    (world, edge, shop)
}

async fn settle(world: &World, change: impl Fn(&mut ServiceSpec)) -> ServiceName {
    let auto = |spec: &mut ServiceSpec| {
        spec.deploy.auto = Some("main".to_owned());
        change(spec);
    };
    world.service("shop", auto).await
}

impl World {
    /// Newest first.
    async fn history(&self, service: &ServiceName) -> Vec<Deployment> {
        let page = Page { before: None, limit: 100 };
        let filter = DeploymentFilter { service: Some(service.clone()), among: None, page };
        self.store.deployments(&filter).await.unwrap()
    }

    /// What the next version to go live by itself waits for.
    async fn waits(&self, service: &ServiceName) -> Option<(VersionNumber, Option<WaitsFor>)> {
        let spec = self.store.service(service).await.unwrap().unwrap().spec;
        self.ask(async move |control: Control| {
            let plan = control.next_auto(&spec).await.unwrap();
            plan.map(|plan| (plan.version, plan.waits_for))
        })
        .await
    }

    async fn waits_for(&self, service: &ServiceName, version: VersionNumber, why: WaitsFor) {
        eventually(&format!("{version} waits for {why:?}"), async || {
            self.waits(service).await == Some((version, Some(why)))
        })
        .await;
    }

    async fn goes_live(&self, edge: &Edge, service: &ServiceName, version: VersionNumber) {
        eventually(&format!("{version} is live"), async || edge.live(service) == [version]).await;
    }
}

#[tokio::test]
async fn the_branch_goes_live_when_it_is_ready_and_no_other_does() {
    let (world, edge, shop) = world(|spec| spec.deploy.hold = Some(Span::secs(5))).await;
    world.launch_of(&shop, "main", "good").await;
    world.goes_live(&edge, &shop, V1).await;
    eventually("it held and let go", async || {
        edge.state().asked == ["prepare", "hold", "commit", "release"]
    })
    .await;
    world.launch_of(&shop, "feature", "good").await;
    world.launch(&shop, "good").await;
    for other in [V2, V3] {
        world.reaches(&shop, other, Ready).await;
    }
    world.passes(&shop, 3).await;
    assert_eq!((edge.live(&shop), world.waits(&shop).await), (vec![V1], None));
    let history = world.history(&shop).await;
    let [deployment] = history.as_slice() else { panic!("{history:?}") };
    assert_eq!((deployment.by.as_str(), deployment.automatic), ("auto (main)", true));
    let events = world.events().await;
    assert!(events.iter().any(|event| event.text == "auto (main) deploys v1"), "{events:?}");
}

#[tokio::test]
async fn people_have_their_time_to_look_at_it() {
    let (world, edge, shop) = world(|spec| spec.deploy.after = Some(Span::secs(600))).await;
    world.launch_of(&shop, "main", "good").await;
    world.waits_for(&shop, V1, WaitsFor::After).await;
    world.passes(&shop, 3).await;
    assert_eq!(world.history(&shop).await.len(), 0);
    // From here on it is the loop's own clock that has it go on.
    let since = world.environment(&shop, V1).await.environment.since;
    let due = since + SignedDuration::from_mins(10);
    world.set_to(due - SignedDuration::from_millis(700));
    world.passes(&shop, 1).await;
    world.goes_live(&edge, &shop, V1).await;
}

#[tokio::test]
async fn a_clock_that_is_set_back_does_not_have_people_wait_for_that_time_to_come_again() {
    let (world, edge, shop) = world(|spec| spec.deploy.after = Some(Span::secs(2))).await;
    world.launch_of(&shop, "main", "good").await;
    world.reaches(&shop, V1, Ready).await;
    world.set_back(SignedDuration::from_hours(5));
    let _goes = world.restless(&shop);
    world.goes_live(&edge, &shop, V1).await;
}

#[tokio::test]
async fn a_newer_one_that_comes_up_is_waited_for() {
    let (world, edge, shop) = world(|_| {}).await;
    world.script(&shop, "slow", Script::new().start_takes(Duration::from_secs(1)));
    world.launch_of(&shop, "main", "slow").await;
    world.waits_for(&shop, V1, WaitsFor::Ready).await;
    world.launch_of(&shop, "main", "slow").await;
    world.waits_for(&shop, V2, WaitsFor::Ready).await;
    world.goes_live(&edge, &shop, V2).await;
    world.reaches(&shop, V1, Ready).await;
    world.passes(&shop, 3).await;
    let history = world.history(&shop).await;
    assert!(history.iter().all(|one| one.to.contains_key(&V2)), "{history:?}");
}

#[tokio::test]
async fn what_a_person_has_decided_stays_until_the_next_version() {
    let (mut world, edge, shop) = world(|_| {}).await;
    for version in [V1, V2] {
        world.launch_of(&shop, "main", "good").await;
        world.goes_live(&edge, &shop, version).await;
    }
    world.rollback(&shop).await.unwrap();
    assert_eq!(edge.live(&shop), [V1]);
    world.waits_for(&shop, V2, WaitsFor::NextVersion).await;
    world.passes(&shop, 3).await;
    world.restart().await;
    eventually("the edge is back", async || world.control().hub().edges().len() == 1).await;
    world.passes(&shop, 3).await;
    assert_eq!(edge.live(&shop), [V1]);
    world.launch_of(&shop, "main", "good").await;
    world.goes_live(&edge, &shop, V3).await;
    assert_eq!(world.history(&shop).await.len(), 4);
}

#[tokio::test]
async fn a_freeze_is_waited_for_and_told_once() {
    let until = Timestamp::now() + SignedDuration::from_mins(120);
    let freeze = window(-60, 120);
    let (mut world, edge, shop) =
        world(|spec| spec.deploy.freeze = vec![freeze.as_str().into()]).await;
    world.launch_of(&shop, "main", "good").await;
    world.told(EventKind::AutoWaiting, 1).await;
    world.waits_for(&shop, V1, WaitsFor::Freeze).await;
    world.restart().await;
    eventually("the edge is back", async || world.control().hub().edges().len() == 1).await;
    world.passes(&shop, 3).await;
    assert_eq!((world.count(EventKind::AutoWaiting).await, edge.live(&shop)), (1, vec![]));
    // Windows end with a minute; from just before that on it is the loop's own clock that has it go on.
    let minute = until.as_second() / 60 * 60;
    let end = Timestamp::from_second(minute).unwrap();
    world.set_to(end - SignedDuration::from_millis(700));
    world.passes(&shop, 1).await;
    world.goes_live(&edge, &shop, V1).await;
    let deployed = world.history(&shop).await;
    assert!(deployed[0].created_at >= end, "{deployed:?}");
    assert_eq!(world.count(EventKind::AutoWaiting).await, 1);
}

#[tokio::test]
async fn what_is_refused_is_tried_again_ever_later_and_then_left_to_a_person() {
    let (world, edge, shop) = world(|_| {}).await;
    edge.on_prepare(Reply::Refuse("it cannot".to_owned()));
    world.launch_of(&shop, "main", "good").await;
    let aborted = async |times: usize| {
        eventually(&format!("{times} tries"), async || {
            let history = world.history(&shop).await;
            history.iter().filter(|one| one.state == DeploymentState::Aborted).count() == times
        })
        .await;
    };
    let mut ahead = SignedDuration::ZERO;
    for (tries, wait) in (1..).zip(RETRIES) {
        aborted(tries).await;
        world.waits_for(&shop, V1, WaitsFor::Retry).await;
        world.passes(&shop, 2).await;
        aborted(tries).await;
        ahead += SignedDuration::try_from(wait).unwrap();
        world.set_back(-ahead);
        world.passes(&shop, 1).await;
    }
    aborted(RETRIES.len() + 1).await;
    world.told(EventKind::AutoGivenUp, 1).await;
    world.waits_for(&shop, V1, WaitsFor::Person).await;
    world.set_back(-ahead - SignedDuration::from_hours(48));
    world.passes(&shop, 3).await;
    aborted(RETRIES.len() + 1).await;
    assert_eq!(world.count(EventKind::AutoGivenUp).await, 1);
    edge.on_prepare(Reply::Well);
    world.launch_of(&shop, "main", "good").await;
    world.goes_live(&edge, &shop, V2).await;
}

#[tokio::test]
async fn a_server_that_is_killed_makes_it_live_once() {
    let (mut world, edge, shop) = world(|_| {}).await;
    edge.on_prepare(Reply::Silent);
    world.launch_of(&shop, "main", "good").await;
    let undecided = world.under_way(DeploymentState::Preparing).await;
    eventually("the edge is asked", async || edge.state().asked.contains(&"prepare")).await;
    world.restart().await;
    world.deployment_reaches(undecided, DeploymentState::Aborted).await;
    edge.on_prepare(Reply::Well);
    edge.on_commit(Reply::Silent);
    world.set_back(-SignedDuration::from_secs(6));
    world.waits_for_commit(&shop).await;
    world.restart().await;
    edge.on_commit(Reply::Well);
    world.goes_live(&edge, &shop, V1).await;
    world.passes(&shop, 3).await;
    let history = world.history(&shop).await;
    let states: Vec<_> = history.iter().map(|one| one.state == DeploymentState::Aborted).collect();
    assert_eq!(states, [false, true], "{history:?}");
    assert_eq!(world.store.route(&shop).await.unwrap().generation.0, 1);
}

impl World {
    /// Waits until a deployment is decided.
    async fn waits_for_commit(&self, service: &ServiceName) {
        let _goes = self.restless(service);
        self.under_way(DeploymentState::Committing).await;
    }
}

#[tokio::test]
async fn what_a_person_is_about_is_not_overtaken() {
    let (world, edge, shop) = world(|spec| spec.deploy.auto = None).await;
    let one = world.live(&shop).await;
    world.launch_of(&shop, "main", "good").await;
    world.reaches(&shop, V2, Ready).await;
    world.launch_of(&shop, "other", "good").await;
    world.reaches(&shop, V3, Ready).await;
    edge.on_prepare(Reply::Held);
    let deploying = world.deploying(&shop, Target::Deploy(V3));
    world.under_way(DeploymentState::Preparing).await;
    settle(&world, |_| {}).await;
    world.waits_for(&shop, V2, WaitsFor::NextVersion).await;
    world.passes(&shop, 3).await;
    assert_eq!((world.history(&shop).await.len(), edge.live(&shop)), (2, vec![one]));
    edge.on_prepare(Reply::Well);
    edge.release();
    deploying.await.unwrap().unwrap();
    world.passes(&shop, 3).await;
    assert_eq!(edge.live(&shop), [V3], "a person has switched since");
}
