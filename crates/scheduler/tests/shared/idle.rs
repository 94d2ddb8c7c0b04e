//! How little an engine is asked when nothing changes.

use std::time::Duration;

use futures_util::StreamExt;
use launcher_model::image::PinnedImage;
use launcher_scheduler::{Change, Scheduler};

use crate::conformance::{eventually, place, running, until, version_of};

/// As many as would show if each of them cost a call.
pub(crate) const SERVICES: u32 = 20;
/// So much of a minute is watched.
const WATCHED: Duration = Duration::from_secs(30);

/// How often the engine is asked in half a minute, as `calls` counts, while that many services run and the
/// driver is asked for each again and again.
pub(crate) async fn calls_while_idle(
    engine: &dyn Scheduler,
    image: &PinnedImage,
    services: u32,
    calls: impl Fn() -> u64,
) -> u64 {
    let names: Vec<String> = (1..=services).map(|number| format!("idle-{number}")).collect();
    for name in &names {
        engine.ensure(&place(version_of(name, 1, image.clone()), 1)).await.unwrap();
    }
    let mut changes = engine.watch();
    until(&mut changes, |change| *change == Change::Everything).await;
    let watcher = tokio::spawn(async move { while changes.next().await.is_some() {} });
    eventually("all run", async || {
        (running(&engine.observe(None).await.unwrap()).len() == names.len()).then_some(())
    })
    .await;
    eventually("it has come to rest", async || {
        let before = calls();
        tokio::time::sleep(Duration::from_secs(3)).await;
        (calls() == before).then_some(())
    })
    .await;
    let before = calls();
    let end = tokio::time::Instant::now() + WATCHED;
    while tokio::time::Instant::now() < end {
        for name in &names {
            engine.observe(Some(&name.parse().unwrap())).await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    watcher.abort();
    calls() - before
}
