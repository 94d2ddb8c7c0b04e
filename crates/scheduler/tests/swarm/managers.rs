//! Managers that go away, one after the other.

use futures_util::StreamExt;
use launcher_scheduler::{Change, Scheduler};

use crate::conformance::{Behaviour, Ground, eventually, placement, running, settle, shop, until};
use crate::ground::{SwarmGround, on_a_swarm};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_swarm_goes_on_with_another_manager() {
    on_a_swarm(3, async {
        let ground = SwarmGround::prepare().await;
        let engine = ground.driver(|config| config.hosts.reverse());
        let placement = placement(&ground, Behaviour::Runs, 3).await;
        settle(&engine, &placement).await;
        let mut changes = engine.watch();
        until(&mut changes, |change| *change == Change::Everything).await;

        // The one that is asked first. It does not lead: the others need not elect one before they answer.
        let first = ground.site.lab.managers().last().unwrap();
        first.kill().await.unwrap();
        let others =
            |container: &&launcher_model::container::Container| container.host != first.name();
        let there = eventually("another manager answers", async || {
            let all = engine.observe(Some(&shop())).await.ok()?;
            all.iter().find(others).filter(|c| c.is_running()).cloned()
        })
        .await;
        ground.kill_elsewhere(&there.id, first.name()).await;
        let ended = Change::Ended { service: shop(), container: there.id.clone() };
        let mut lost = false;
        until(&mut changes, |change| *change == ended).await;
        eventually("three run again, on the hosts that are left", async || {
            let _ = engine.ensure(&placement).await;
            let all = engine.observe(Some(&shop())).await.ok()?;
            let left: Vec<_> = all.iter().filter(others).cloned().collect();
            (running(&left).len() == 3).then_some(())
        })
        .await;
        while let Some(Some(change)) = futures_util::FutureExt::now_or_never(changes.next()) {
            lost |= matches!(change, Change::Lost { .. });
        }
        assert!(!lost, "two managers answer");
    })
    .await;
}
