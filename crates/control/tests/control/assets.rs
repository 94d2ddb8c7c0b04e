//! `[assets]`: for how long a version that left is asked for files.

use launcher_edge::table::Assets;
use launcher_model::environment::EnvironmentState::{Ready, Stopped};
use launcher_model::service::{self, ServiceSpec};
use launcher_model::{ServiceName, Span, VersionNumber};

use crate::edge::Edge;
use crate::world::{World, eventually};

fn keeps(keep: Span) -> impl FnOnce(&mut ServiceSpec) {
    move |spec| {
        (spec.keep.running, spec.keep.stopped) = (0, 0);
        let prefixes = vec!["/assets/".to_owned()];
        spec.assets = Some(Box::new(service::Assets { prefixes, keep }));
    }
}

fn lately(edge: &Edge, service: &ServiceName) -> Option<Vec<VersionNumber>> {
    edge.table(service)?.rules.assets.map(|Assets { lately, .. }| lately)
}

#[tokio::test]
async fn a_version_that_left_is_asked_for_a_while_and_kept_running_for_it() {
    let (world, edge) = World::new().await;
    let shop = world.service("shop", keeps(Span::secs(3600))).await;
    let first = world.live(&shop).await;
    eventually("nothing has left", async || lately(&edge, &shop) == Some(vec![])).await;
    let second = world.live(&shop).await;
    // The switch itself says so, and no later table takes it back.
    assert_eq!(lately(&edge, &shop), Some(vec![first]));
    let third = world.live(&shop).await;
    assert_eq!(lately(&edge, &shop), Some(vec![second, first]));
    // One that was launched and never live is none.
    let preview = world.launch(&shop, "good").await;
    world.reaches(&shop, preview, Ready).await;
    world.passes(&shop, 3).await;
    assert_eq!(lately(&edge, &shop), Some(vec![second, first]));
    for version in [first, second] {
        assert_eq!(world.running(&shop, version).len(), 2, "{version}");
        assert_eq!(edge.endpoints(&shop, version), 2, "{version}");
    }
    // Who stops one means it.
    world.stop(&shop, first).await.unwrap();
    world.reaches(&shop, first, Stopped).await;

    world.service("shop", keeps(Span::secs(1))).await;
    eventually("its time is over", async || lately(&edge, &shop) == Some(vec![])).await;
    world.reaches(&shop, second, Stopped).await;
    assert_eq!(world.route(&shop).await, [third]);
}

#[tokio::test]
async fn going_back_has_the_newer_one_asked() {
    let (world, edge) = World::new().await;
    let shop = world.service("shop", keeps(Span::secs(3600))).await;
    let first = world.live(&shop).await;
    let second = world.live(&shop).await;
    world.rollback(&shop).await.unwrap();
    assert_eq!(lately(&edge, &shop), Some(vec![second]));
    assert_eq!(world.route(&shop).await, [first]);
}
