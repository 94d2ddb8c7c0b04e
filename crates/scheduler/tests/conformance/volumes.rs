//! What outlives a container.

use std::time::Duration;

use launcher_model::VersionNumber;
use launcher_model::container::Container;
use launcher_scheduler::{ExecRequest, KeepsVolumes, Placement, Scheduler};

use super::{Behaviour, Ground, eventually, place, shell, shop, to_end, version_of};

pub(crate) async fn what_one_version_has_written_the_next_one_reads(ground: &impl Ground) {
    let engine = ground.engine();
    let keeps = engine.capabilities().volumes;
    if keeps != KeepsVolumes::Always {
        let refused = engine.ensure(&with_volume(ground, 1, "").await).await.unwrap_err();
        let says = if keeps == KeepsVolumes::Never { "[volumes]" } else { "hosts = { name" };
        assert!(refused.to_string().contains(says) && !refused.is_passing(), "{refused}");
    }
    if keeps == KeepsVolumes::Never {
        return;
    }
    let host = engine.hosts().await.unwrap().pop().unwrap().name;
    let there = format!("[placement]\nhosts = {{ name = \"{host}\" }}\n");
    let first = with_volume(ground, 1, &there).await;
    let writers = settled(&*engine, &first).await;
    assert!(writers.iter().all(|container| container.host == host), "{writers:?}");
    if !engine.capabilities().exec {
        engine.remove(&shop(), VersionNumber(1), Duration::ZERO).await.unwrap();
        return;
    }
    says(&*engine, &writers[0].id, "echo kept >/data/shop/file", &[]).await;
    // Its other container and the next version, which are there at the same time, and one that comes when
    // nothing else is left.
    says(&*engine, &writers[1].id, READ, &["kept"]).await;
    let second = with_volume(ground, 2, &there).await;
    let beside = settled(&*engine, &second).await;
    says(&*engine, &beside[0].id, READ, &["kept"]).await;
    for number in [1, 2] {
        engine.remove(&shop(), VersionNumber(number), Duration::ZERO).await.unwrap();
    }
    let alone = settled(&*engine, &with_volume(ground, 3, &there).await).await;
    says(&*engine, &alone[0].id, READ, &["kept"]).await;
    engine.remove(&shop(), VersionNumber(3), Duration::ZERO).await.unwrap();
}

const READ: &str = "busybox cat /data/shop/file";

async fn with_volume(ground: &impl Ground, number: u32, placement: &str) -> Placement {
    let mut version = version_of("shop", number, ground.image(Behaviour::Runs).await);
    let text = format!(
        "[service]\nname = \"shop\"\nport = 8080\n[volumes]\ndata = \"/data/shop\"\n{placement}"
    );
    version.spec = launcher_model::service::read("launcher.toml", &text).unwrap();
    place(version, 2)
}

/// The containers of that version, once all of them run.
async fn settled(engine: &dyn Scheduler, placement: &Placement) -> Vec<Container> {
    eventually("both run", async || {
        engine.ensure(placement).await.unwrap();
        let mut own = engine.observe(Some(&shop())).await.unwrap();
        own.retain(|one| one.version == placement.version.number && one.is_running());
        (own.len() == usize::from(placement.replicas)).then_some(own)
    })
    .await
}

async fn says(engine: &dyn Scheduler, container: &str, script: &str, expected: &[&str]) {
    let request = ExecRequest { command: shell(script) };
    let (lines, code) = to_end(engine.exec(container, request).await.unwrap()).await;
    assert_eq!(lines, expected, "{script}");
    assert_eq!(code, 0, "{script}");
}
