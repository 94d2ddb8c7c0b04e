//! Anything may happen in any order: when it is calm again, everything is as it is wanted.

use std::collections::BTreeSet;

use launcher_control::Error;
use launcher_model::environment::{EnvironmentState, Wanted};
use launcher_model::route::DeploymentState;
use launcher_model::{ServiceName, Span, VersionNumber};
use launcher_scheduler::fake::Script;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::edge::{Edge, Reply};
use crate::world::{World, eventually};

/// One thing that happens. Numbers choose among what is there.
#[derive(Debug, Clone)]
enum Act {
    Launch {
        good: bool,
    },
    Deploy(usize),
    /// Gives a version some percent.
    Share(usize, u8),
    /// The first half of a switch is answered so from now on.
    Prepare(bool),
    /// The edge says nothing to the next commit.
    DropCommit,
    Stop(usize),
    Start(usize),
    Scale(usize, u16),
    Destroy(usize),
    Pin(usize, bool),
    Kill(usize),
    RemoveByHand(usize),
    EngineAway,
    EngineBack,
    RestartEngine,
    RestartControl,
    EdgeHangsUp,
    Settle,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let which = 0..8_usize;
    let act = prop_oneof![
        4 => prop::bool::weighted(0.8).prop_map(|good| Act::Launch { good }),
        6 => which.clone().prop_map(Act::Deploy),
        3 => (which.clone(), 0..100_u8).prop_map(|(which, percent)| Act::Share(which, percent)),
        1 => any::<bool>().prop_map(Act::Prepare),
        1 => Just(Act::DropCommit),
        2 => which.clone().prop_map(Act::Stop),
        2 => which.clone().prop_map(Act::Start),
        2 => (which.clone(), 1..4_u16).prop_map(|(which, replicas)| Act::Scale(which, replicas)),
        1 => which.clone().prop_map(Act::Destroy),
        1 => (which.clone(), any::<bool>()).prop_map(|(which, pinned)| Act::Pin(which, pinned)),
        2 => which.clone().prop_map(Act::Kill),
        2 => which.prop_map(Act::RemoveByHand),
        1 => Just(Act::EngineAway),
        1 => Just(Act::EngineBack),
        1 => Just(Act::RestartEngine),
        1 => Just(Act::RestartControl),
        1 => Just(Act::EdgeHangsUp),
        2 => Just(Act::Settle),
    ];
    vec(act, 5..30)
}

struct Story {
    world: World,
    edge: Edge,
    shop: ServiceName,
    /// Versions that were launched.
    versions: Vec<VersionNumber>,
}

impl Story {
    async fn begin() -> Self {
        let config = launcher_control::Config {
            prepare_within: std::time::Duration::from_millis(500),
            commit_within: std::time::Duration::from_millis(100),
            ..World::calm()
        };
        let world = World::with_config(config).await;
        let edge = world.edge("a").await;
        let shop = world
            .service("shop", |spec| {
                spec.health.tcp = false;
                spec.health.exec = Some(vec!["true".to_owned()]);
                spec.health.start_period = Span::secs(60);
                (spec.keep.running, spec.keep.stopped) = (1, 1);
            })
            .await;
        world.script(&shop, "good", Script::new().check(true, ""));
        world.script(&shop, "bad", Script::new().unstartable("no such file"));
        Self { world, edge, shop, versions: Vec::new() }
    }

    fn pick(&self, which: usize) -> Option<VersionNumber> {
        // The youngest are the ones that something can be done with.
        self.versions.iter().rev().nth(which % self.versions.len().max(1)).copied()
    }

    fn container(&self, which: usize) -> Option<String> {
        let all = self.world.fake.containers();
        all.get(which % all.len().max(1)).map(|container| container.id.clone())
    }

    /// Does one thing. It may be refused, but not by a fault.
    async fn act(&mut self, act: &Act) {
        let (world, shop) = (&self.world, &self.shop);
        let version = |which: &usize| self.pick(*which);
        let outcome = match act {
            Act::Launch { good } => {
                let launched = world.try_launch(shop, if *good { "good" } else { "bad" }).await;
                launched.map(|number| self.versions.push(number))
            }
            Act::Deploy(which) => match version(which) {
                // It must not wait for an engine that is away until the end of the story.
                Some(number) if world.control().engine().lost.is_none() => {
                    world.deploy(shop, number).await.map(drop)
                }
                _ => Ok(()),
            },
            Act::Share(which, percent) => match version(which) {
                Some(number) if world.control().engine().lost.is_none() => {
                    world.share(shop, number, *percent).await.map(drop)
                }
                _ => Ok(()),
            },
            Act::Stop(which) => match version(which) {
                Some(number) => world.stop(shop, number).await,
                None => Ok(()),
            },
            Act::Start(which) => match version(which) {
                Some(number) => world.begin(shop, number).await,
                None => Ok(()),
            },
            Act::Scale(which, replicas) => match version(which) {
                Some(number) => world.scale(shop, number, *replicas).await,
                None => Ok(()),
            },
            Act::Destroy(which) => match version(which) {
                Some(number) => world.destroy(shop, number).await,
                None => Ok(()),
            },
            Act::Pin(which, pinned) => match version(which) {
                Some(number) => world.pin(shop, number, *pinned).await,
                None => Ok(()),
            },
            other => {
                self.befall(other).await;
                Ok(())
            }
        };
        let expected = match &outcome {
            Ok(()) => true,
            Err(Error::Refused(_) | Error::Aborted { .. } | Error::Busy(_)) => true,
            Err(Error::Scheduler(error)) => error.is_passing(),
            Err(_) => false,
        };
        assert!(expected, "{act:?}: {outcome:?}");
        self.live_runs_on().await;
    }

    /// What nobody asked for.
    async fn befall(&mut self, act: &Act) {
        match act {
            Act::Kill(which) => {
                if let Some(id) = self.container(*which) {
                    self.world.fake.kill(&id, 1);
                }
            }
            Act::RemoveByHand(which) => {
                if let Some(id) = self.container(*which) {
                    self.world.fake.remove_by_hand(&id);
                }
            }
            Act::Prepare(well) => self.edge.on_prepare(if *well {
                Reply::Well
            } else {
                Reply::Refuse("not now".to_owned())
            }),
            Act::DropCommit => self.edge.on_commit(Reply::HangUp),
            Act::EngineAway => self.world.fake.go_away("a whim"),
            Act::EngineBack => self.world.fake.come_back(),
            Act::RestartEngine => self.world.fake.restart(),
            Act::RestartControl => self.world.restart().await,
            Act::EdgeHangsUp => self.edge.hang_up(),
            Act::Settle => {
                self.world.fake.come_back();
                self.edge.on_commit(Reply::Well);
                self.settle().await;
            }
            _ => {}
        }
    }

    /// What is live is wanted running, whatever happens.
    async fn live_runs_on(&self) {
        for live in self.world.route(&self.shop).await {
            let environment = self.world.environment(&self.shop, live).await.environment;
            assert_eq!(environment.wanted, Wanted::Running, "{environment:?}");
            assert_eq!(environment.state, EnvironmentState::Ready, "{environment:?}");
        }
    }

    /// Calm: the engine is there, edges answer, and what was begun has ended.
    async fn calm(&mut self) {
        self.world.fake.come_back();
        self.edge.on_prepare(Reply::Well);
        self.edge.on_commit(Reply::Well);
        self.settle().await;
        self.live_runs_on().await;
    }

    async fn settle(&self) {
        eventually("everything comes to rest", async || self.unrest().await.is_none()).await;
    }

    /// What is not as it is wanted.
    async fn unrest(&self) -> Option<String> {
        let (world, shop) = (&self.world, &self.shop);
        let unfinished = world.store.unfinished_deployments().await.unwrap();
        if unfinished.iter().any(|one| one.state != DeploymentState::Draining) {
            return Some(format!("{unfinished:?}"));
        }
        let mut kept = BTreeSet::new();
        for environment in world.store.environments(shop, false).await.unwrap() {
            let number = environment.version;
            kept.insert(number);
            let running = world.running(shop, number).len();
            let (state, rests) = match environment.wanted {
                Wanted::Running => (EnvironmentState::Ready, usize::from(environment.replicas)),
                Wanted::Stopped if environment.state == EnvironmentState::Failed => {
                    (EnvironmentState::Failed, 0)
                }
                Wanted::Stopped => (EnvironmentState::Stopped, 0),
                Wanted::Gone => (EnvironmentState::Destroyed, 0),
            };
            if (environment.state, running) != (state, rests) {
                return Some(format!("{environment:?}: {running} run"));
            }
        }
        if world.fake.containers().iter().any(|one| !kept.contains(&one.version)) {
            return Some("containers of no environment".to_owned());
        }
        self.difference().await
    }

    /// How the edge's table is not what it should be.
    async fn difference(&self) -> Option<String> {
        let (world, shop) = (&self.world, &self.shop);
        if world.control().hub().edges().len() != 1 {
            return Some("the edge is away".to_owned());
        }
        let route = world.store.route(shop).await.unwrap();
        let table = self.edge.table(shop)?;
        if (&table.weights, table.generation) != (&route.weights, route.generation) {
            return Some(format!("{table:?} is not {route:?}"));
        }
        for environment in world.store.environments(shop, false).await.unwrap() {
            let number = environment.version;
            let (running, served) =
                (world.running(shop, number).len(), self.edge.endpoints(shop, number));
            if running != served {
                return Some(format!("{number}: {running} run, {served} are served"));
            }
        }
        None
    }
}

async fn tell(acts: &[Act]) {
    let mut story = Story::begin().await;
    for act in acts {
        story.act(act).await;
    }
    story.calm().await;
    let stale = story.edge.state().stale.clone();
    assert!(stale.is_empty(), "{stale:?}");
}

#[test]
fn everything_comes_to_what_is_wanted_and_what_is_live_runs_on() {
    let config =
        Config { cases: 24, max_shrink_iters: 64, failure_persistence: None, ..Config::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    TestRunner::new_with_rng(config, rng)
        .run(&acts(), |acts| {
            runtime.block_on(tell(&acts));
            Ok(())
        })
        .unwrap();
}
