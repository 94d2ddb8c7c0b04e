//! What the event stream leaves out, and what it spares the engine.

use futures_util::StreamExt;
use launcher_model::ServiceName;
use launcher_scheduler::{Change, OneOffRole};

use crate::conformance::{
    Behaviour, Ground, eventually, one_off, place, settle, to_end, until, version_of, within,
};
use crate::ground::DockerGround;

#[tokio::test]
async fn docker_tells_no_changes_of_others_or_of_one_off_containers() {
    let ground = DockerGround::prepare().await;
    let (ours, theirs) = (ground.engine(), ground.neighbour());
    let mut changes = ours.watch();
    until(&mut changes, |change| *change == Change::Everything).await;
    let image = ground.image(Behaviour::Runs).await;
    let placement = place(version_of("shop", 1, image.clone()), 1);
    settle(&*theirs, &placement).await;
    to_end(ours.run_once(&one_off(&placement, OneOffRole::Run, "exit 0")).await.unwrap()).await;

    // The engine tells in order: had it told of those, it would have told of them first.
    settle(&*ours, &place(version_of("last", 1, image), 1)).await;
    let first = within(changes.next()).await;
    assert!(matches!(&first, Some(Change::Service(s)) if s.as_str() == "last"), "{first:?}");
}

#[tokio::test]
async fn docker_is_asked_for_nothing_again_while_its_events_vouch_for_it() {
    let ground = DockerGround::prepare().await;
    let engine = ground.engine_at_risk();
    let mut changes = engine.watch();
    until(&mut changes, |change| *change == Change::Everything).await;
    let image = ground.image(Behaviour::Runs).await;
    let names = ["blog", "mail", "shop"].map(|name| ServiceName::new(name).unwrap());
    for name in &names {
        settle(&*engine, &place(version_of(name.as_str(), 1, image.clone()), 2)).await;
    }
    // Once nothing more comes of the starts, answers come from what is known.
    let all = eventually("it is known", async || {
        let known = engine.observe(None).await.unwrap();
        let before = ground.switch.asked();
        for name in &names {
            engine.observe(Some(name)).await.unwrap();
        }
        (ground.switch.asked() == before).then_some(known)
    })
    .await;
    let before = ground.switch.asked();
    for _ in 0..50 {
        for name in &names {
            let own: Vec<_> = all.iter().filter(|c| c.service == *name).cloned().collect();
            assert_eq!(engine.observe(Some(name)).await.unwrap(), own);
        }
    }
    assert_eq!(ground.switch.asked(), before);
    // A look at everything is one list, whatever the number of services and containers.
    assert_eq!(engine.observe(None).await.unwrap(), all);
    assert_eq!(ground.switch.asked(), before + 1);

    // What happens is seen, by whoever did it.
    ground.kill(&all[0].id).await;
    eventually("its end is seen", async || {
        let seen = engine.observe(Some(&all[0].service)).await.unwrap();
        seen.iter().any(|c| c.id == all[0].id && !c.is_running()).then_some(())
    })
    .await;
}
