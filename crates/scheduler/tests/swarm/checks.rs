//! Checks that the hosts' engines make by themselves: `[health] exec`.

use std::time::Duration;

use launcher_model::VersionNumber;
use launcher_model::container::{Container, ContainerPhase};
use launcher_scheduler::swarm::Swarm;
use launcher_scheduler::{ExecRequest, Scheduler};

use crate::conformance::{Behaviour, Ground, eventually, place, shell, shop, to_end, version_of};
use crate::ground::SwarmGround;
use crate::settings::spec;

pub(crate) async fn a_command_decides_and_what_fails_it_is_replaced(ground: &SwarmGround) {
    let engine = ground.driver(|_| {});
    let mut version = version_of("shop", 31, ground.image(Behaviour::Runs).await);
    version.spec = spec(
        "[health]\ninterval = \"200ms\"\nunhealthy_after = 3\n\
         exec = [\"/bin/busybox\", \"test\", \"-e\", \"/well\"]\n",
    );
    engine.ensure(&place(version, 1)).await.unwrap();
    let first =
        eventually("it is checked, and not well", async || checked(&engine, false).await).await;
    say(&engine, &first, "echo >/well").await;
    let well = eventually("it is well", async || checked(&engine, true).await).await;
    assert_eq!(well.id, first.id);
    say(&engine, &first, "busybox rm /well").await;
    let next = eventually("another one is in its place", async || {
        checked(&engine, false).await.filter(|next| next.id != first.id)
    })
    .await;
    assert_eq!(next.slot, first.slot);
    assert!(next.attempt > first.attempt, "{next:?}");
    engine.remove(&shop(), VersionNumber(31), Duration::ZERO).await.unwrap();
}

/// The running container of the version, when its check says so.
async fn checked(engine: &Swarm, healthy: bool) -> Option<Container> {
    let all = engine.observe(Some(&shop())).await.unwrap();
    let told = |container: &Container| match &container.phase {
        ContainerPhase::Running { exec_check, .. } => {
            exec_check.as_ref().is_some_and(|check| check.healthy == healthy)
        }
        _ => false,
    };
    all.into_iter().find(|container| container.version == VersionNumber(31) && told(container))
}

async fn say(engine: &Swarm, container: &Container, script: &str) {
    let request = ExecRequest { command: shell(script) };
    let (_, code) = to_end(engine.exec(&container.id, request).await.unwrap()).await;
    assert_eq!(code, 0);
}
