//! A great many at once.

use std::time::Duration;

use launcher_model::VersionNumber;

use super::{Behaviour, Ground, observed, patiently, placement, running, shop};

const GRACE: Duration = Duration::from_secs(5);
/// Long enough for a great many on a busy machine.
const PATIENCE: Duration = Duration::from_secs(300);

pub(crate) async fn many_at_once(ground: &impl Ground) {
    let engine = ground.engine();
    let placement = placement(ground, Behaviour::Runs, ground.many()).await;
    engine.ensure(&placement).await.unwrap();
    let containers = patiently(PATIENCE, "all of them run", async || {
        let containers = observed(&*engine).await;
        (running(&containers).len() == usize::from(ground.many())).then_some(containers)
    })
    .await;
    let slots: Vec<_> = containers.iter().map(|c| c.slot).collect();
    assert_eq!(slots, (1..=ground.many()).collect::<Vec<_>>());
    patiently(PATIENCE, "none is left", async || {
        engine.remove(&shop(), VersionNumber(1), GRACE).await.unwrap();
        observed(&*engine).await.is_empty().then_some(())
    })
    .await;
}
