//! Which hosts containers are placed on.

use std::sync::Arc;

use launcher_model::container::ContainerPhase;
use launcher_scheduler::{Error, Placement};

use super::{
    Behaviour, Ground, eventually, observed, place, placement, running, settle, settle_released,
    version_of,
};

pub(crate) async fn what_no_host_has_free_is_waited_for(ground: &impl Ground) {
    let engine = ground.engine();
    if !engine.capabilities().many_hosts {
        return;
    }
    let mut version = version_of("shop", 1, ground.image(Behaviour::Runs).await);
    let text = "[service]\nname = \"shop\"\nport = 8080\n[resources]\ncpus = 64\n";
    version.spec = launcher_model::service::read("launcher.toml", text).unwrap();
    let placement = place(version, 2);
    engine.ensure(&placement).await.unwrap();
    let why = eventually("both wait, and it is said for what", async || {
        let all = observed(&*engine).await;
        assert!(running(&all).is_empty());
        let why = |phase: &ContainerPhase| match phase {
            ContainerPhase::Waiting { why } => why.clone(),
            other => panic!("{other:?}"),
        };
        let told: Vec<_> = all.iter().filter_map(|c| why(&c.phase)).collect();
        (told.len() == 2).then(|| told[0].clone())
    })
    .await;
    assert!(why.contains("64 CPUs"), "{why}");
    // Fewer can be asked for, and nothing has to be made beside them.
    let one = Placement { replicas: 1, ..placement };
    eventually("one waits", async || {
        engine.ensure(&one).await.unwrap();
        (observed(&*engine).await.len() == 1).then_some(())
    })
    .await;
}

pub(crate) async fn an_avoided_host_is_left_and_taken_again(ground: &impl Ground) {
    let engine = ground.engine();
    let all = placement(ground, Behaviour::Runs, 3).await;
    let before = settle(&*engine, &all).await;
    if !engine.capabilities().many_hosts {
        return;
    }
    let host = before[0].host.clone();
    let avoiding = Placement { avoid: Arc::new([host.clone()].into()), ..all.clone() };
    let moved = settle_released(&*engine, &avoiding).await;
    assert!(moved.iter().all(|container| container.host != host), "{moved:?}");
    let slots: Vec<_> = moved.iter().map(|container| container.slot).collect();
    assert_eq!(slots, [1, 2, 3], "{moved:?}");
    // That the host may be used again moves nothing; what is new may go there, if the engine can.
    engine.ensure(&all).await.unwrap();
    assert_eq!(running(&observed(&*engine).await), running(&moved));
    let more = Placement { replicas: 6, ..all };
    let spread = settle(&*engine, &more).await;
    assert!(running(&spread).is_superset(&running(&moved)));
    let is_used = spread.iter().any(|container| container.host == host);
    assert_eq!(is_used, engine.capabilities().forgets_avoided, "{spread:?}");
}

pub(crate) async fn a_closed_host_gets_nothing_new(ground: &impl Ground) {
    let engine = ground.engine();
    let host = engine.hosts().await.unwrap().pop().unwrap();
    if !engine.capabilities().many_hosts {
        let refused = engine.set_closed(&host.name, true).await.unwrap_err();
        assert!(matches!(refused, Error::Unsupported { .. }), "{refused}");
        return;
    }
    assert!(!host.closed);
    engine.set_closed(&host.name, true).await.unwrap();
    engine.set_closed(&host.name, true).await.unwrap();
    let there = engine.hosts().await.unwrap();
    let closed = there.iter().find(|other| other.name == host.name).unwrap();
    assert!(closed.closed && closed.usable);
    let placement = placement(ground, Behaviour::Runs, 4).await;
    let placed = settle(&*engine, &placement).await;
    assert!(placed.iter().all(|container| container.host != host.name), "{placed:?}");
    engine.set_closed(&host.name, false).await.unwrap();
    assert!(engine.hosts().await.unwrap().iter().all(|host| !host.closed));
    let error = engine.set_closed("no-such-host", true).await.unwrap_err();
    assert!(error.to_string().contains("no-such-host"), "{error}");
}
