//! Checks that the engine makes by itself: `[health] exec`.

use launcher_model::container::{ContainerPhase, ExecCheck};
use launcher_scheduler::{Change, ExecRequest, Scheduler};

use crate::conformance::{
    Behaviour, Ground, eventually, observed, place, settle, shell, to_end, until, version_of,
};
use crate::ground::DockerGround;

async fn check(engine: &dyn Scheduler) -> Option<ExecCheck> {
    match &observed(engine).await[0].phase {
        ContainerPhase::Running { exec_check, .. } => exec_check.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn docker_checks_with_a_command_and_tells_the_outcome() {
    let ground = DockerGround::prepare().await;
    let engine = ground.engine();
    let mut version = version_of("shop", 1, ground.image(Behaviour::Runs).await);
    let text = "[service]\nname = \"shop\"\nport = 8080\n[health]\ninterval = \"200ms\"\n\
        exec = [\"/bin/busybox\", \"sh\", \"-c\", \"echo looking; busybox test -e /well\"]\n";
    version.spec = launcher_model::service::read("launcher.toml", text).unwrap();
    let container = settle(&*engine, &place(version, 1)).await.remove(0);
    eventually("it is checked, and not well", async || {
        check(&*engine).await.filter(|check| !check.healthy && check.output == "looking")
    })
    .await;

    let told = |change: &Change| matches!(change, Change::Service(_));
    let mut changes = engine.watch();
    until(&mut changes, |change| *change == Change::Everything).await;
    let say = async |script| {
        let request = ExecRequest { command: shell(script) };
        let (_, code) = to_end(engine.exec(&container.id, request).await.unwrap()).await;
        assert_eq!(code, 0);
    };
    say("echo >/well").await;
    until(&mut changes, told).await;
    assert!(check(&*engine).await.unwrap().healthy);
    say("busybox rm /well").await;
    until(&mut changes, told).await;
    assert!(!check(&*engine).await.unwrap().healthy);
}

#[tokio::test]
async fn docker_tells_what_a_failing_check_says_last_though_no_event_does() {
    let ground = DockerGround::prepare().await;
    let engine = ground.engine();
    let mut changes = engine.watch();
    until(&mut changes, |change| *change == Change::Everything).await;
    let mut version = version_of("shop", 1, ground.image(Behaviour::Runs).await);
    let text = "[service]\nname = \"shop\"\nport = 8080\n[health]\ninterval = \"200ms\"\n\
        exec = [\"/bin/busybox\", \"sh\", \"-c\", \"echo x >>/looks; busybox wc -l </looks; exit 1\"]\n";
    version.spec = launcher_model::service::read("launcher.toml", text).unwrap();
    settle(&*engine, &place(version, 1)).await;
    // It counts itself.
    for looks in [3, 5] {
        eventually("the check says more", async || {
            let said: u32 = check(&*engine).await?.output.parse().ok()?;
            (said >= looks).then_some(())
        })
        .await;
    }
}
