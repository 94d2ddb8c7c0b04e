//! A host that is lost, with what is on it.

use launcher_model::container::ContainerPhase;

use super::{Behaviour, Ground, eventually, observed, placement, settle};

pub(crate) async fn a_host_that_is_lost_is_told_and_comes_back(ground: &impl Ground) {
    let engine = ground.engine();
    if !engine.capabilities().many_hosts {
        assert_eq!(engine.hosts().await.unwrap().len(), 1);
        return;
    }
    let placement = placement(ground, Behaviour::Runs, 3).await;
    let before = settle(&*engine, &placement).await;
    // The driver speaks to the first host; any other may be lost.
    let first = engine.hosts().await.unwrap().remove(0).name;
    let lost = before.iter().find(|container| container.host != first).unwrap();
    ground.lose_host(&lost.host).await;
    let is_told = engine.capabilities().tells_lost;
    eventually("its container is lost, and the host not usable", async || {
        let hosts = engine.hosts().await.unwrap();
        let host = hosts.iter().find(|host| host.name == lost.host).unwrap();
        let all = observed(&*engine).await;
        let is_lost = match all.iter().find(|c| c.id == lost.id) {
            Some(container) => {
                let told = matches!(container.phase, ContainerPhase::Lost { .. });
                told && container.address.is_none()
            }
            None => !is_told,
        };
        (is_lost && !host.usable && host.trouble.is_some()).then_some(())
    })
    .await;
    eventually("its place is filled elsewhere", async || {
        engine.ensure(&placement).await.unwrap();
        let all = observed(&*engine).await;
        let other = all.iter().find(|c| c.slot == lost.slot && c.is_running())?;
        (other.host != lost.host && other.attempt > lost.attempt).then_some(())
    })
    .await;

    ground.find_host(&lost.host).await;
    eventually("the host is usable, and what was lost on it is gone", async || {
        engine.ensure(&placement).await.unwrap();
        let hosts = engine.hosts().await.unwrap();
        let host = hosts.iter().find(|host| host.name == lost.host).unwrap();
        let all = observed(&*engine).await;
        let running = all.iter().filter(|c| c.is_running()).count();
        (host.usable && running == 3 && all.iter().all(|c| c.id != lost.id)).then_some(())
    })
    .await;
}
