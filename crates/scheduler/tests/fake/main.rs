//! The conformance stories on the fake engine, and what it does beyond.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../conformance/mod.rs"]
mod conformance;
mod moving;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use launcher_model::image::{ImageRef, PinnedImage};
use launcher_scheduler::Scheduler;
use launcher_scheduler::fake::{Command, Fake, Script};

use self::conformance::{Behaviour, Ground};

struct FakeGround(Fake);

conformance!(fake, super::FakeGround);

#[async_trait]
impl Ground for FakeGround {
    async fn prepare() -> Self {
        Self(Fake::new("abcdefgh-ours").unwrap())
    }

    fn engine(&self) -> Arc<dyn Scheduler> {
        Arc::new(self.0.clone())
    }

    fn neighbour(&self) -> Arc<dyn Scheduler> {
        Arc::new(self.0.seen_by("abcdefgh-theirs").unwrap())
    }

    async fn image(&self, behaviour: Behaviour) -> PinnedImage {
        let name = format!("test/{behaviour:?}").to_lowercase();
        let image: ImageRef = name.parse().unwrap();
        self.0.script(&image, script(behaviour).commands(interpret));
        let pinned = self.0.resolve(&image, None).await.unwrap();
        if behaviour != Behaviour::CannotBePulled {
            self.0.fetch(&pinned, None).await.unwrap();
        }
        pinned
    }

    async fn kill(&self, id: &str) {
        self.0.kill(id, 137);
    }

    async fn remove_by_hand(&self, id: &str) {
        self.0.remove_by_hand(id);
    }

    async fn one_offs(&self) -> usize {
        self.0.one_offs().len()
    }

    fn engine_at_risk(&self) -> Arc<dyn Scheduler> {
        self.engine()
    }

    async fn take_away(&self) {
        self.0.go_away("it was taken away");
    }

    async fn bring_back(&self) {
        self.0.come_back();
    }

    fn many(&self) -> u16 {
        100
    }
}

fn script(behaviour: Behaviour) -> Script {
    let script = Script::new();
    match behaviour {
        Behaviour::Runs => script,
        Behaviour::Dies => script.prints("out of luck").exits(Duration::ZERO, 3),
        Behaviour::CannotStart => script.unstartable("/no/such/program: no such file"),
        Behaviour::Talks => script.prints("line 1").prints("line 2").prints("line 3"),
        Behaviour::CannotBePulled => script.unpullable("manifest unknown"),
    }
}

/// As much of a shell as the stories use.
fn interpret(command: &[String]) -> Command {
    let mut done = Command::default();
    for part in command.last().unwrap().split("; ") {
        match part.split_once(' ').unwrap() {
            ("echo", text) => done.prints.push(text.to_owned()),
            ("sleep", seconds) => done.takes = Duration::from_secs(seconds.parse().unwrap()),
            ("exit", code) => done.code = code.parse().unwrap(),
            other => panic!("{other:?}"),
        }
    }
    done
}

mod beyond {
    use launcher_model::VersionNumber;
    use launcher_model::container::ContainerPhase;
    use launcher_scheduler::fake::Verb;

    use super::conformance::{observed, placement, settle, shop};
    use super::*;

    #[tokio::test]
    async fn addresses_and_checks_are_the_test_s() {
        let ground = FakeGround::prepare().await;
        let fake = &ground.0;
        fake.set_addresses(|service, version, slot| {
            assert_eq!((service, version), (&shop(), VersionNumber(1)));
            ([127, 0, 0, 1], 9000 + slot).into()
        });
        let placement = placement(&ground, Behaviour::Runs, 2).await;
        let containers = settle(fake, &placement).await;
        let ports: Vec<_> = containers.iter().map(|c| c.address.unwrap().port()).collect();
        assert_eq!(ports, [9001, 9002]);
        fake.set_address(&containers[0].id, ([127, 0, 0, 1], 7).into());
        fake.set_check(&containers[0].id, false, "no");
        let changed = observed(fake).await.remove(0);
        assert_eq!(changed.address, Some(([127, 0, 0, 1], 7).into()));
        let ContainerPhase::Running { exec_check: Some(check), .. } = changed.phase else {
            panic!("{changed:?}")
        };
        assert_eq!((check.healthy, check.output.as_str()), (false, "no"));
    }

    #[tokio::test]
    async fn a_restart_ends_all_containers_and_calls_are_counted() {
        let ground = FakeGround::prepare().await;
        let fake = &ground.0;
        let placement = placement(&ground, Behaviour::Runs, 3).await;
        fake.ensure(&placement).await.unwrap();
        fake.restart();
        assert!(fake.containers().iter().all(|c| !c.is_running()));
        assert!(fake.ensure(&placement).await.unwrap().again_at.is_some());
        fake.go_away("for good");
        assert!(fake.ensure(&placement).await.is_err());
        assert_eq!((fake.calls(Verb::Ensure), fake.calls(Verb::Stop)), (3, 0));
    }
}

mod builds {
    use std::collections::{BTreeMap, HashMap};

    use futures_util::{StreamExt, stream};
    use launcher_model::image::Digest;
    use launcher_model::service::Build;
    use launcher_model::{BuildId, Span};
    use launcher_scheduler::fake::{BuildScript, StepScript};
    use launcher_scheduler::{
        BuildOrder, Builder, Building, Error, Output, Push, Pushing, Result, TestRun,
    };

    use super::conformance::{eventually, place, settle, shop, version_of};
    use super::*;

    fn order() -> BuildOrder {
        let settings = Build { timeout: Span::secs(1), ..Build::default() };
        BuildOrder {
            service: shop(),
            id: BuildId(3),
            settings: Arc::new(settings),
            labels: BTreeMap::new(),
            logins: HashMap::new(),
        }
    }

    async fn build(fake: &Fake) -> Vec<Result<Building>> {
        let context = stream::iter([Ok("some ".into()), Ok("files".into())]).boxed();
        fake.build(&order(), context).await.unwrap().collect().await
    }

    fn built(told: &[Result<Building>]) -> Digest {
        let Some(Ok(Building::Built { image })) = told.last() else { panic!("{told:?}") };
        image.clone()
    }

    fn test_run(image: Digest) -> TestRun {
        TestRun {
            service: shop(),
            id: BuildId(3),
            image,
            command: vec!["check".into()],
            variables: BTreeMap::new(),
            resources: Default::default(),
            timeout: Duration::from_secs(1),
        }
    }

    #[tokio::test]
    async fn an_image_is_built_tested_pushed_and_launched() {
        let fake = Fake::new("ours").unwrap();
        let build_step = StepScript::new().prints("Step 1");
        fake.script_builds(BuildScript { build: build_step, ..BuildScript::default() });
        let told = build(&fake).await;
        assert!(matches!(&told[0], Ok(Building::Line(line)) if line == "Step 1"));
        let image = built(&told);
        assert_eq!(fake.built()[0].context, b"some files");

        let tested: Vec<_> = fake.test(&test_run(image.clone())).await.unwrap().collect().await;
        assert!(matches!(tested[..], [Ok(Output::Exit { code: 0 })]), "{tested:?}");
        let to: ImageRef = "r.example.com/shop:3".parse().unwrap();
        let push = Push { image, to: to.clone() };
        let pushed: Vec<_> = fake.push(&push, None).await.unwrap().collect().await;
        let [Ok(Pushing::Pushed { digest })] = &pushed[..] else { panic!("{pushed:?}") };
        let pinned = fake.resolve(&to, None).await.unwrap();
        assert_eq!(&pinned.digest, digest);
        settle(&fake, &place(version_of("shop", 1, pinned), 1)).await;
    }

    #[tokio::test]
    async fn steps_fail_and_hang_as_they_are_told() {
        let fake = Fake::new("ours").unwrap();
        let image = built(&build(&fake).await);
        let fails = StepScript::new().prints("last words").fails("no luck");
        fake.script_builds(BuildScript {
            build: fails.clone(),
            test: fails.clone(),
            push: fails,
            ..BuildScript::default()
        });
        let told = build(&fake).await.pop().unwrap().unwrap_err().to_string();
        assert!(told.contains("no luck") && told.contains("last words"), "{told}");
        let tested: Vec<_> = fake.test(&test_run(image.clone())).await.unwrap().collect().await;
        assert!(matches!(tested[1], Ok(Output::Exit { code: 1 })), "{tested:?}");
        let push = Push { image: image.clone(), to: "r/shop:3".parse().unwrap() };
        let pushed: Vec<_> = fake.push(&push, None).await.unwrap().collect().await;
        assert!(matches!(&pushed[1], Err(Error::Push { why, .. }) if why == "no luck"));

        let hangs = StepScript::new().hangs();
        fake.script_builds(BuildScript {
            build: hangs.clone(),
            test: hangs,
            ..BuildScript::default()
        });
        assert!(matches!(build(&fake).await[..], [Err(Error::BuildOverdue(_))]));
        let told = fake.test(&test_run(image)).await.unwrap();
        assert_eq!(fake.steps_under_way(), 1);
        drop(told);
        eventually("the test ends with its listener", async || {
            (fake.steps_under_way() == 0).then_some(())
        })
        .await;
    }
}
