//! Environments of branches: names, replacement, sleep and its end, deletion.

use jiff::SignedDuration;
use launcher_control::{Control, LaunchRequest};
use launcher_edge::protocol::FromEdge;
use launcher_edge::table::RestKind;
use launcher_model::branch::BranchState;
use launcher_model::environment::EnvironmentState::{self, Destroyed, Failed, Ready, Stopped};
use launcher_model::event::EventKind;
use launcher_model::{ServiceName, Span, VersionNumber};
use launcher_scheduler::fake::Script;

use crate::acts::WHO;
use crate::edge::{Edge, Reply};
use crate::world::{World, eventually};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

impl World {
    /// A service with environments for all branches, which sleep after an hour and are gone after a week.
    async fn branching(&self, name: &str) -> ServiceName {
        self.service(name, |spec| {
            spec.branches.matching = vec!["*".to_owned()];
            spec.branches.sleep_after = Span::secs(3600);
            (spec.keep.running, spec.keep.stopped) = (0, 0);
        })
        .await
    }

    async fn push_image(&self, service: &ServiceName, branch: &str, tag: &str) -> VersionNumber {
        let request = LaunchRequest {
            image: Some(format!(":{tag}")),
            branch: Some(branch.to_owned()),
            ..LaunchRequest::new(service.clone(), WHO)
        };
        self.ask(async move |control: Control| control.launch(request).await)
            .await
            .unwrap()
            .0
            .number
    }

    async fn push(&self, service: &ServiceName, branch: &str) -> VersionNumber {
        self.push_image(service, branch, "good").await
    }

    async fn state(&self, service: &ServiceName, version: VersionNumber) -> EnvironmentState {
        self.environment(service, version).await.environment.state
    }

    /// Lets so much time pass since the beginning, and the service's loop notice.
    async fn later(&self, service: &ServiceName, by: SignedDuration) {
        self.set_back(-by);
        self.passes(service, 2).await;
    }

    async fn puts_to_sleep(&self, edge: &Edge, service: &ServiceName, version: VersionNumber) {
        self.reaches(service, version, Stopped).await;
        assert!(self.environment(service, version).await.environment.asleep);
        assert_eq!(edge.rest(service, version), Some(RestKind::Asleep));
        assert_eq!(self.running(service, version), [""; 0]);
    }
}

async fn leads_to(edge: &Edge, service: &ServiceName, label: &str, to: VersionNumber) {
    eventually(&format!("{label} leads to {to}"), async || edge.alias(service, label) == Some(to))
        .await;
}

#[tokio::test]
async fn a_push_replaces_the_one_before_once_every_edge_has_let_go_of_it() {
    let (world, edge) = World::new().await;
    let shop = world.branching("shop").await;
    let live = world.live(&shop).await;
    let first = world.push(&shop, "feature/x").await;
    leads_to(&edge, &shop, "feature-x", first).await;
    world.reaches(&shop, first, Ready).await;
    assert_eq!(world.running(&shop, first).len(), 1, "as many as a branch has");
    let other = world.push(&shop, "feature-x").await;
    world.reaches(&shop, other, Ready).await;
    leads_to(&edge, &shop, "feature-x-c791eb", other).await;

    edge.state().rest = Reply::Held;
    let second = world.push(&shop, "feature/x").await;
    world.reaches(&shop, second, Ready).await;
    leads_to(&edge, &shop, "feature-x", second).await;
    eventually("the edge is asked", async || edge.state().asked.contains(&"rest")).await;
    world.passes(&shop, 3).await;
    assert_eq!(edge.endpoints(&shop, first), 1, "something is under way there");
    edge.state().rest = Reply::Well;
    edge.release();
    world.reaches(&shop, first, Destroyed).await;
    for version in [live, other, second] {
        assert_eq!(world.state(&shop, version).await, Ready, "{version}");
    }
    assert_eq!(world.route(&shop).await, [live]);
    let views = world.control().branches(&shop).await.unwrap();
    let seen: Vec<_> =
        views.iter().map(|one| (&*one.branch.name, one.version, one.state)).collect();
    let running = BranchState::Running;
    assert_eq!(seen, [("feature-x", Some(other), running), ("feature/x", Some(second), running)]);
}

#[tokio::test]
async fn an_edge_that_is_away_keeps_the_one_before() {
    let (world, edge) = World::new().await;
    let shop = world.branching("shop").await;
    let far = world.edge("far").await;
    world.joined(&far.name).await;
    let first = world.push(&shop, "login").await;
    world.reaches(&shop, first, Ready).await;
    leads_to(&edge, &shop, "login", first).await;
    far.leave();
    eventually("it is away", async || world.control().hub().edges().len() == 1).await;
    let second = world.push(&shop, "login").await;
    world.reaches(&shop, second, Ready).await;
    leads_to(&edge, &shop, "login", second).await;
    world.passes(&shop, 3).await;
    assert_eq!(world.state(&shop, first).await, Ready);
    // What such an edge may serve is not put to sleep either.
    world.later(&shop, HOUR * 200).await;
    assert_eq!(world.state(&shop, second).await, Ready);
    far.come_back();
    world.reaches(&shop, first, Destroyed).await;
}

#[tokio::test]
async fn one_that_fails_leaves_the_one_before_serving() {
    let (world, edge) = World::new().await;
    let shop = world.branching("shop").await;
    world.script(&shop, "bad", Script::new().unstartable("no"));
    let first = world.push(&shop, "login").await;
    world.reaches(&shop, first, Ready).await;
    let bad = world.push_image(&shop, "login", "bad").await;
    world.reaches(&shop, bad, Failed).await;
    world.passes(&shop, 3).await;
    assert_eq!(edge.alias(&shop, "login"), Some(first));
    assert_eq!((world.state(&shop, first).await, edge.endpoints(&shop, first)), (Ready, 1));
    let view = world.control().branches(&shop).await.unwrap().remove(0);
    assert_eq!(view.next, Some((bad, BranchState::Failed)));
    let third = world.push(&shop, "login").await;
    leads_to(&edge, &shop, "login", third).await;
    world.reaches(&shop, first, Destroyed).await;
    world.reaches(&shop, bad, Destroyed).await;
}

#[tokio::test]
async fn nobody_looks_it_sleeps_somebody_looks_it_wakes() {
    let (world, edge) = World::new().await;
    let shop = world.branching("shop").await;
    let version = world.push(&shop, "login").await;
    world.reaches(&shop, version, Ready).await;
    world.later(&shop, HOUR / 2).await;
    edge.tell(FromEdge::Looked { service: shop.clone(), versions: vec![version] });
    eventually("the look is heard", async || {
        world.control().branches(&shop).await.unwrap()[0].looked_at.is_some()
    })
    .await;
    world.later(&shop, HOUR + HOUR / 4).await;
    assert_eq!(world.state(&shop, version).await, Ready);
    world.later(&shop, HOUR * 2).await;
    world.puts_to_sleep(&edge, &shop, version).await;

    for _ in 0..3 {
        edge.tell(FromEdge::Wake { service: shop.clone(), version });
    }
    world.reaches(&shop, version, Ready).await;
    eventually("the edge has it", async || edge.endpoints(&shop, version) == 1).await;
    eventually("it is told so", async || edge.rest(&shop, version).is_none()).await;
    assert_eq!(world.count(EventKind::EnvironmentWoken).await, 1);
    assert_eq!(world.count(EventKind::EnvironmentAsleep).await, 1);
}

#[tokio::test]
async fn a_look_that_comes_while_it_falls_asleep_loses_nothing() {
    let (world, edge) = World::new().await;
    let shop = world.branching("shop").await;
    let version = world.push(&shop, "login").await;
    world.reaches(&shop, version, Ready).await;
    edge.state().rest = Reply::Held;
    world.later(&shop, HOUR * 2).await;
    eventually("it falls asleep", async || edge.state().asked.contains(&"rest")).await;
    assert_eq!(edge.rest(&shop, version), Some(RestKind::Asleep));
    assert_eq!(world.running(&shop, version).len(), 1, "something is under way there");
    edge.tell(FromEdge::Wake { service: shop.clone(), version });
    world.told(EventKind::EnvironmentWoken, 1).await;
    world.reaches(&shop, version, Ready).await;
    edge.release();
    world.passes(&shop, 3).await;
    assert_eq!(world.running(&shop, version).len(), 1);
}

#[tokio::test]
async fn what_a_person_has_stopped_is_not_woken() {
    let (world, edge) = World::new().await;
    let shop = world.branching("shop").await;
    let version = world.push(&shop, "login").await;
    world.reaches(&shop, version, Ready).await;
    world.later(&shop, HOUR * 2).await;
    world.puts_to_sleep(&edge, &shop, version).await;
    let stop = {
        let shop = shop.clone();
        async move |control: Control| control.stop(&shop, version, WHO).await
    };
    world.ask(stop).await.unwrap();
    eventually("the edge knows", async || edge.rest(&shop, version).is_none()).await;
    edge.tell(FromEdge::Wake { service: shop.clone(), version });
    world.passes(&shop, 3).await;
    assert_eq!(world.state(&shop, version).await, Stopped);
    assert_eq!(world.count(EventKind::EnvironmentWoken).await, 0);
}

#[tokio::test]
async fn a_server_that_was_restarted_puts_nothing_to_sleep_from_ignorance() {
    let (mut world, edge) = World::new().await;
    let shop = world.branching("shop").await;
    let version = world.push(&shop, "login").await;
    world.reaches(&shop, version, Ready).await;
    let welcomes = edge.state().welcomes;
    world.kill().await;
    world.set_back(-(HOUR * 5));
    world.start().await;
    eventually("the edge is back", async || edge.state().welcomes > welcomes).await;
    world.passes(&shop, 3).await;
    assert_eq!(world.state(&shop, version).await, Ready);
    world.later(&shop, HOUR * 7).await;
    world.puts_to_sleep(&edge, &shop, version).await;
    // It is asleep for the next server too.
    world.restart().await;
    edge.tell(FromEdge::Wake { service: shop.clone(), version });
    world.reaches(&shop, version, Ready).await;
}

#[tokio::test]
async fn a_branch_is_gone_when_it_is_deleted_or_idle() {
    let (world, edge) = World::new().await;
    let shop = world.branching("shop").await;
    world.live(&shop).await;
    let login = world.push(&shop, "login").await;
    let cart = world.push(&shop, "cart").await;
    for version in [login, cart] {
        world.reaches(&shop, version, Ready).await;
    }
    let delete = |branch: &'static str| {
        let shop = shop.clone();
        world.ask(async move |control: Control| control.delete_branch(&shop, branch, WHO).await)
    };
    assert!(delete("login").await.unwrap());
    assert!(!delete("login").await.unwrap() && !delete("other").await.unwrap());
    world.reaches(&shop, login, Destroyed).await;
    eventually("the name is forgotten", async || edge.alias(&shop, "login").is_none()).await;
    assert_eq!(world.state(&shop, cart).await, Ready);

    world.later(&shop, HOUR * 24 * 8).await;
    world.reaches(&shop, cart, Destroyed).await;
    eventually("the name is forgotten", async || edge.alias(&shop, "cart").is_none()).await;
    assert_eq!(world.count(EventKind::BranchGone).await, 2);
    assert!(world.control().branches(&shop).await.unwrap().is_empty());
}

#[tokio::test]
async fn one_that_is_made_live_is_a_version_as_any_other() {
    let (world, edge) = World::new().await;
    let shop = world.branching("shop").await;
    let first = world.push(&shop, "login").await;
    world.reaches(&shop, first, Ready).await;
    world.deploy(&shop, first).await.unwrap();
    leads_to(&edge, &shop, "login", first).await;
    let second = world.push(&shop, "login").await;
    world.reaches(&shop, second, Ready).await;
    leads_to(&edge, &shop, "login", second).await;
    world.later(&shop, HOUR * 24 * 30).await;
    world.reaches(&shop, second, Destroyed).await;
    assert_eq!((world.state(&shop, first).await, world.route(&shop).await), (Ready, vec![first]));
}

#[tokio::test]
async fn only_branches_that_match_have_environments() {
    let (world, edge) = World::new().await;
    let shop =
        world.service("shop", |spec| spec.branches.matching = vec!["feature/*".to_owned()]).await;
    let main = world.push(&shop, "main").await;
    let hotfix = world.push(&shop, "hotfix").await;
    let feature = world.push(&shop, "feature/a").await;
    for version in [main, hotfix, feature] {
        world.reaches(&shop, version, Ready).await;
    }
    leads_to(&edge, &shop, "feature-a", feature).await;
    assert_eq!(edge.table(&shop).unwrap().branches.aliases.len(), 1);
    assert_eq!(world.running(&shop, main).len(), 2);
    // Settings that name it no more leave what is there.
    world.service("shop", |_| {}).await;
    world.passes(&shop, 3).await;
    assert_eq!(edge.alias(&shop, "feature-a"), Some(feature));
    let next = world.push(&shop, "feature/a").await;
    world.reaches(&shop, next, Ready).await;
    assert_eq!(edge.alias(&shop, "feature-a"), Some(feature));
    assert_eq!(world.environment(&shop, next).await.environment.branch, None);
}

#[tokio::test]
async fn a_restart_takes_no_branch_away() {
    let (mut world, edge) = World::new().await;
    let shop = world.branching("shop").await;
    let version = world.push(&shop, "login").await;
    world.reaches(&shop, version, Ready).await;
    // From when it is written down which version the branch has, its route is never empty again.
    eventually("the branch having it", async || {
        let branches = world.store.branches(&shop).await.unwrap();
        branches[0].current == Some(version) && edge.endpoints(&shop, version) == 1
    })
    .await;
    for _ in 0..5 {
        let welcomes = edge.state().welcomes;
        world.restart().await;
        eventually("the edge is back", async || edge.state().welcomes > welcomes).await;
        assert_eq!(
            (edge.alias(&shop, "login"), edge.endpoints(&shop, version)),
            (Some(version), 1)
        );
    }
}
