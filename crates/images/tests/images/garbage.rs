//! Images of builds that no version has any more are removed, and no others.

use launcher_model::build::BuildState;
use launcher_model::event::EventKind;
use launcher_model::image::{ImageRef, PinnedImage};
use launcher_registry::{About, Error};

use crate::world::{World, digest, eventually, of, pinned};

const SHOP: &str = "registry.example.com/team/shop";

/// Waits until nothing is left to remove.
async fn clean(world: &World) {
    eventually("nothing is left", async || world.store.left_images(None).await.unwrap().is_empty())
        .await;
}

#[tokio::test]
async fn the_image_goes_with_the_last_version_that_has_it() {
    let world = World::new().await;
    let shop = world.service(SHOP, None).await;
    let first = world.built(&shop, SHOP, "aaaaaaaaaaaaaaaa", &digest(1)).await;
    let second = world.built(&shop, SHOP, "bbbbbbbbbbbbbbbb", &digest(2)).await;
    let same = world.built(&shop, SHOP, "cccccccccccccccc", &digest(1)).await;
    world.destroy(&shop, first).await;
    world.destroy(&shop, second).await;
    let told = world.told(EventKind::ImageRemoved, 1).await;
    assert_eq!(told[0].text, format!("the image {SHOP}:bbbbbbbbbbbb of v2 of shop was removed"));
    assert_eq!(
        (world.registry.deleted(), world.builder.forgotten()),
        (vec![digest(2)], vec![digest(2)])
    );
    assert!(world.registry.has(&of(SHOP), &digest(1)));

    world.destroy(&shop, same).await;
    world.told(EventKind::ImageRemoved, 3).await;
    clean(&world).await;
    assert!(world.registry.all().is_empty());
    assert_eq!(world.registry.deleted(), [digest(2), digest(1)]);
}

#[tokio::test]
async fn images_that_others_pushed_or_named_stay() {
    let world = World::new().await;
    let shop = world.service(SHOP, None).await;
    // Pushed by others.
    world.registry.push(&of(SHOP), "theirs", &digest(1), About::default());
    let theirs = world.launch(&shop, pinned(SHOP, "theirs", &digest(1)), None).await;
    // Built here, and named by others.
    let named = world.built(&shop, SHOP, "bbbbbbbbbbbbbbbb", &digest(2)).await;
    world.registry.push(&of(SHOP), "golden", &digest(2), About::default());
    // Built here, with the version's number as a second tag.
    let ours = world.built(&shop, SHOP, "cccccccccccccccc", &digest(3)).await;
    world.registry.push(&of(SHOP), &ours.to_string(), &digest(3), About::default());
    for version in [theirs, named, ours] {
        world.destroy(&shop, version).await;
    }
    world.told(EventKind::ImageRemoved, 1).await;
    assert_eq!(world.registry.deleted(), [digest(3)]);
    assert_eq!(world.registry.all().into_iter().collect::<Vec<_>>(), [digest(1), digest(2)]);
}

#[tokio::test]
async fn an_image_of_a_build_that_came_to_nothing_goes_and_one_that_is_wanted_stays() {
    let world = World::new().await;
    let shop = world.service(SHOP, None).await;
    let failed = world.build_pushing(&shop, "aaaaaaaaaaaaaaaa").await;
    world.registry.push(&of(SHOP), "aaaaaaaaaaaa", &digest(1), About::default());
    world.build_pushed(failed, &pinned(SHOP, "aaaaaaaaaaaa", &digest(1))).await;
    // Another build has the same, and is not over.
    let other = world.build_pushing(&shop, "bbbbbbbbbbbbbbbb").await;
    world.build_pushed(other, &pinned(SHOP, "aaaaaaaaaaaa", &digest(1))).await;
    world.build_over(failed, BuildState::Failed).await;
    assert!(world.store.left_images(None).await.unwrap().is_empty());
    world.build_over(other, BuildState::Failed).await;
    world.told(EventKind::ImageRemoved, 2).await;
    assert_eq!(world.registry.deleted(), [digest(1)]);
}

#[tokio::test]
async fn what_never_left_the_engine_goes_with_the_next_build() {
    let world = World::new().await;
    let shop = world.service(SHOP, None).await;
    let failed = async |number| {
        let build = world.build_pushing(&shop, &format!("{number:040x}")).await;
        let reference = ImageRef::Id(digest(number));
        let image = PinnedImage { requested: reference.clone(), reference, digest: digest(number) };
        world.build_pushed(build, &image).await;
        world.build_over(build, BuildState::Failed).await;
    };
    failed(1).await;
    assert!(world.store.left_images(None).await.unwrap().is_empty(), "its layers may be of use");
    failed(2).await;
    world.told(EventKind::ImageRemoved, 1).await;
    assert_eq!(world.builder.forgotten(), [digest(1)]);
    assert!(world.registry.deleted().is_empty());
    assert!(world.store.left_images(None).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_build_that_may_be_pushing_the_same_keeps_it() {
    let world = World::new().await;
    let shop = world.service(SHOP, None).await;
    let first = world.built(&shop, SHOP, "aaaaaaaaaaaaaaaa", &digest(1)).await;
    let pushing = world.build_pushing(&shop, "bbbbbbbbbbbbbbbb").await;
    world.destroy(&shop, first).await;
    assert!(world.store.left_images(None).await.unwrap().is_empty());
    // It pushed another one.
    world.registry.push(&of(SHOP), "bbbbbbbbbbbb", &digest(2), About::default());
    world.build_pushed(pushing, &pinned(SHOP, "bbbbbbbbbbbb", &digest(2))).await;
    world.launch(&shop, pinned(SHOP, "bbbbbbbbbbbb", &digest(2)), Some(pushing)).await;
    world.told(EventKind::ImageRemoved, 1).await;
    assert_eq!(world.registry.deleted(), [digest(1)]);
}

#[tokio::test]
async fn nothing_is_removed_from_a_repository_that_is_in_use() {
    let world = World::new().await;
    let shop = world.service(SHOP, None).await;
    let version = world.built(&shop, SHOP, "aaaaaaaaaaaaaaaa", &digest(1)).await;
    let using = world.ask(|control| async move { control.use_images(&of(SHOP)).await }).await;
    let using = using.unwrap();
    world.destroy(&shop, version).await;
    assert_eq!(world.store.left_images(None).await.unwrap().len(), 1);
    // Somebody launches it meanwhile: it is needed again.
    let again = world.launch(&shop, pinned(SHOP, "aaaaaaaaaaaa", &digest(1)), None).await;
    assert!(world.store.left_images(None).await.unwrap().is_empty());
    drop(using);
    assert!(world.registry.deleted().is_empty());
    world.destroy(&shop, again).await;
    clean(&world).await;
    assert_eq!(world.registry.deleted(), [digest(1)]);
}

#[tokio::test]
async fn a_launch_waits_for_a_removal_that_is_under_way() {
    let world = World::new().await;
    let shop = world.service(SHOP, None).await;
    world.registry.push(&of(SHOP), "1", &digest(1), About::default());
    let removing = world.control().try_remove_images(&of("localhost:5000/team/shop")).unwrap();
    let launching = world.launch(&shop, pinned(SHOP, "1", &digest(1)), None);
    tokio::pin!(launching);
    let waited = tokio::time::timeout(std::time::Duration::from_millis(200), &mut launching).await;
    assert!(waited.is_err() && world.versions(&shop).await.is_empty());
    drop(removing);
    launching.await;
    assert_eq!(world.versions(&shop).await.len(), 1);
}

#[tokio::test]
async fn a_registry_that_fails_is_tried_again_and_told_once() {
    let mut world = World::new().await;
    let shop = world.service(SHOP, None).await;
    let version = world.built(&shop, SHOP, "aaaaaaaaaaaaaaaa", &digest(1)).await;
    let registry = "registry.example.com".to_owned();
    world.registry.fails(Some(Error::Unreachable { registry, why: "down".into() }));
    world.destroy(&shop, version).await;
    let told = world.told(EventKind::RegistryTroubled, 1).await;
    assert!(told[0].text.contains("cannot be removed") && told[0].text.contains("(down)"));
    world.registry.fails(None);
    clean(&world).await;
    assert_eq!(world.events(EventKind::RegistryTroubled).await.len(), 1);

    // The same across a death of the server, when the engine fails.
    let version = world.built(&shop, SHOP, "bbbbbbbbbbbbbbbb", &digest(2)).await;
    world.builder.is_away(true);
    world.destroy(&shop, version).await;
    eventually("the registry has it no more", async || world.registry.all().is_empty()).await;
    world.kill().await;
    world.builder.is_away(false);
    world.start().await;
    clean(&world).await;
    assert_eq!(world.builder.forgotten(), [digest(1), digest(2)]);
}

#[tokio::test]
async fn a_removal_that_may_be_done_or_not_keeps_its_repository_until_that_is_known() {
    let world = World::new().await;
    let shop = world.service(SHOP, None).await;
    let version = world.built(&shop, SHOP, "aaaaaaaaaaaaaaaa", &digest(1)).await;
    world.registry.hangs_at_deleting(true);
    world.destroy(&shop, version).await;
    let told = world.told(EventKind::RegistryTroubled, 1).await;
    assert!(told[0].text.contains("did not answer within"), "{}", told[0].text);
    assert!(world.control().try_remove_images(&of(SHOP)).is_none());
    world.registry.hangs_at_deleting(false);
    clean(&world).await;
    eventually("it is let go", async || world.control().try_remove_images(&of(SHOP)).is_some())
        .await;
}
