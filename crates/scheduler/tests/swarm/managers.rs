//! Managers that go away, one after the other.

use bollard::models::Node;
use bollard::query_parameters::ListNodesOptions;
use futures_util::StreamExt;
use launcher_lab::Host;
use launcher_scheduler::{Change, Error, Placement, Scheduler};

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_swarm_loses_its_leader_while_an_environment_is_made() {
    on_a_swarm(3, async {
        let ground = SwarmGround::prepare().await;
        let leader = leader(&ground).await;
        // The leader is the one that is asked first.
        let engine = ground.driver(|config| {
            config.hosts.retain(|host| *host != leader.socket());
            config.hosts.insert(0, leader.socket());
        });
        let mut changes = engine.watch();
        until(&mut changes, |change| *change == Change::Everything).await;
        let wanted = placement(&ground, Behaviour::Runs, 4).await;
        let before = engine.calls();
        let ensuring = {
            let (engine, wanted) = (engine.clone(), wanted.clone());
            tokio::spawn(async move { engine.ensure(&wanted).await })
        };
        eventually("it is under way", async || (engine.calls() > before).then_some(())).await;
        leader.kill().await.unwrap();
        if let Err(error) = ensuring.await.unwrap() {
            assert!(error.is_passing(), "{error}");
        }
        let there = eventually("all run on the hosts that are left", async || {
            let tried = engine.ensure(&wanted).await;
            assert!(tried.as_ref().err().is_none_or(Error::is_passing), "{tried:?}");
            let all = engine.observe(Some(&shop())).await.ok()?;
            let left: Vec<_> = all.into_iter().filter(|c| c.host != leader.name()).collect();
            (running(&left).len() == 4).then_some(left)
        })
        .await;
        assert!(there.iter().all(|container| container.version == wanted.version.number));
        let made = ground.services_without(leader.name()).await;
        assert_eq!(made.len(), 1, "it was made once: {made:?}");

        // The others decide by themselves now.
        let more = Placement { replicas: 5, ..wanted };
        eventually("a fifth one runs", async || {
            let tried = engine.ensure(&more).await;
            assert!(tried.as_ref().err().is_none_or(Error::is_passing), "{tried:?}");
            let all = engine.observe(Some(&shop())).await.ok()?;
            let left: Vec<_> = all.into_iter().filter(|c| c.host != leader.name()).collect();
            (running(&left).len() == 5).then_some(())
        })
        .await;
    })
    .await;
}

/// The manager that decides.
async fn leader(ground: &SwarmGround) -> &Host {
    let nodes = ground.api().list_nodes(None::<ListNodesOptions>).await.unwrap();
    let leads = |node: &&Node| {
        node.manager_status.as_ref().is_some_and(|status| status.leader == Some(true))
    };
    let node = nodes.iter().find(leads).expect("nobody leads");
    let name = node.description.as_ref().unwrap().hostname.as_deref().unwrap();
    ground.site.lab.host(name).unwrap()
}
