//! Images that others push become versions.

use launcher_model::build::BuildState;
use launcher_model::event::EventKind;
use launcher_registry::{About, Error};

use crate::world::{World, about, digest, eventually, of, pinned, spec};

const SHOP: &str = "registry.example.com/team/shop";

#[tokio::test]
async fn the_newest_image_is_the_first_version_and_each_new_one_the_next() {
    let world = World::new().await;
    // The order of tags is not that of images.
    world.registry.push(&of(SHOP), "main-9", &digest(1), about(100, "aaa"));
    world.registry.push(&of(SHOP), "main-10", &digest(2), about(300, "bbb"));
    world.registry.push(&of(SHOP), "main-8", &digest(3), about(200, "ccc"));
    world.registry.push(&of(SHOP), "dev-11", &digest(4), about(400, "ddd"));
    let shop = world.service(SHOP, Some("main-*")).await;
    let versions = world.has_versions(&shop, 1).await;
    assert_eq!(versions[0].image, pinned(SHOP, "main-10", &digest(2)));
    assert_eq!(versions[0].commit.as_deref(), Some("bbb"));
    assert_eq!(
        (versions[0].branch.as_deref(), versions[0].created_by.as_str()),
        (None, "registry")
    );

    world.push(SHOP, "dev-12", &digest(5), about(500, "eee"));
    world.push(SHOP, "main-12", &digest(6), about(600, "fff"));
    let versions = world.has_versions(&shop, 2).await;
    assert_eq!(versions[1].image, pinned(SHOP, "main-12", &digest(6)));
    let told = world.told(EventKind::ImageFollowed, 2).await;
    assert_eq!(told[1].text, format!("{SHOP}:main-12 was pushed, and became v2 of shop"));
}

#[tokio::test]
async fn an_image_becomes_one_version_however_often_it_is_told_and_named() {
    let mut world = World::new().await;
    let shop = world.service(SHOP, Some("main-*")).await;
    world.push(SHOP, "main-1", &digest(1), about(1, "aaa"));
    world.has_versions(&shop, 1).await;
    for _ in 0..3 {
        world.tell(SHOP, "main-1", None);
        world.push(SHOP, "main-1-again", &digest(1), about(1, "aaa"));
        world.restart().await;
    }
    // Others' tags, repositories and what is gone again are nothing to it.
    world.tell(SHOP, "main-2", None);
    world.tell("registry.example.com/team/other", "main-1", None);
    world.push(SHOP, "main-3", &digest(3), about(3, "ccc"));
    let versions = world.has_versions(&shop, 2).await;
    assert_eq!(versions[1].image.digest, digest(3));
}

#[tokio::test]
async fn what_was_pushed_while_the_server_was_away_becomes_a_version_once() {
    let mut world = World::new().await;
    let shop = world.service(SHOP, Some("main-*")).await;
    world.push(SHOP, "main-1", &digest(1), about(1, "aaa"));
    world.has_versions(&shop, 1).await;
    world.kill().await;
    world.registry.push(&of(SHOP), "main-3", &digest(3), about(3, "ccc"));
    world.registry.push(&of(SHOP), "main-2", &digest(2), about(2, "bbb"));
    world.start().await;
    let versions = world.has_versions(&shop, 3).await;
    let order: Vec<_> = versions.iter().map(|version| version.commit.as_deref().unwrap()).collect();
    assert_eq!(order, ["aaa", "bbb", "ccc"], "in the order in which they were built");
    world.restart().await;
    world.push(SHOP, "main-4", &digest(4), about(4, "ddd"));
    world.has_versions(&shop, 4).await;
}

#[tokio::test]
async fn a_slow_look_finds_what_no_webhook_tells() {
    let world = World::new().await;
    let shop = world.put(spec("shop", SHOP, Some("main-*"), "1s")).await;
    world.registry.push(&of(SHOP), "main-1", &digest(1), About::default());
    world.has_versions(&shop, 1).await;
    // A tag that means something else now.
    world.registry.push(&of(SHOP), "main-1", &digest(2), About::default());
    let versions = world.has_versions(&shop, 2).await;
    assert_eq!(versions[1].image.digest, digest(2));
}

#[tokio::test]
async fn what_was_pushed_while_nothing_was_followed_is_passed_over() {
    let world = World::new().await;
    let shop = world.service(SHOP, Some("main-*")).await;
    world.push(SHOP, "main-1", &digest(1), about(1, "aaa"));
    world.has_versions(&shop, 1).await;
    world.service(SHOP, None).await;
    eventually("it is not followed", async || {
        world.store.following(&shop).await.unwrap().is_none()
    })
    .await;
    world.push(SHOP, "main-2", &digest(2), about(2, "bbb"));
    world.push(SHOP, "main-3", &digest(3), about(3, "ccc"));
    world.service(SHOP, Some("main-*")).await;
    let versions = world.has_versions(&shop, 2).await;
    assert_eq!(versions[1].commit.as_deref(), Some("ccc"));
}

#[tokio::test]
async fn an_image_that_was_launched_by_hand_is_no_second_version() {
    let world = World::new().await;
    let shop = world.service(SHOP, None).await;
    world.registry.push(&of(SHOP), "main-1", &digest(1), about(1, "aaa"));
    world.launch(&shop, pinned(SHOP, "main-1", &digest(1)), None).await;
    world.service(SHOP, Some("main-*")).await;
    world.push(SHOP, "main-2", &digest(2), about(2, "bbb"));
    let versions = world.has_versions(&shop, 2).await;
    assert_eq!(versions[1].image.digest, digest(2));
}

#[tokio::test]
async fn what_the_service_s_own_builds_push_is_theirs() {
    let world = World::new().await;
    let shop = world.service(SHOP, Some("*")).await;
    world.push(SHOP, "main-1", &digest(1), about(1, "aaa"));
    world.has_versions(&shop, 1).await;

    let build = world.build_pushing(&shop, "0123456789abcdef").await;
    // Pushed, and not recorded yet; meanwhile somebody else pushes too.
    world.push(SHOP, "0123456789ab", &digest(2), about(2, "bbb"));
    world.push(SHOP, "main-3", &digest(3), about(3, "ccc"));
    let image = pinned(SHOP, "0123456789ab", &digest(2));
    world.build_pushed(build, &image).await;
    world.launch(&shop, image, Some(build)).await;
    world.build_over(build, BuildState::Passed).await;
    let versions = world.has_versions(&shop, 3).await;
    let mut made: Vec<_> = versions.iter().map(|version| version.image.digest.clone()).collect();
    made.sort();
    assert_eq!(made, [digest(1), digest(2), digest(3)]);

    // One that was cancelled after it had pushed.
    let build = world.build_pushing(&shop, "fedcba9876543210").await;
    world.push(SHOP, "fedcba987654", &digest(4), about(4, "ddd"));
    world.build_over(build, BuildState::Cancelled).await;
    world.push(SHOP, "main-5", &digest(5), about(5, "eee"));
    let versions = world.has_versions(&shop, 4).await;
    assert_eq!(versions[3].image.digest, digest(5));
}

#[tokio::test]
async fn trouble_is_told_once_and_gone_through() {
    let world = World::new().await;
    let shop = world.put(spec("shop", SHOP, Some("main-*"), "1s")).await;
    world.push(SHOP, "main-1", &digest(1), about(1, "aaa"));
    world.has_versions(&shop, 1).await;
    let down = Error::Unreachable { registry: "registry.example.com".into(), why: "down".into() };
    world.registry.fails(Some(down));
    let told = world.told(EventKind::RegistryTroubled, 1).await;
    assert!(told[0].text.contains("cannot be reached (down)"), "{}", told[0].text);
    assert_eq!(told[0].service.as_ref(), Some(&shop));
    for _ in 0..3 {
        world.push(SHOP, "main-2", &digest(2), about(2, "bbb"));
    }
    world.registry.fails(None);
    world.has_versions(&shop, 2).await;
    assert_eq!(world.events(EventKind::RegistryTroubled).await.len(), 1);
}

#[tokio::test]
async fn an_image_that_cannot_be_launched_is_launched_when_it_can() {
    let world = World::new().await;
    let mut needy = spec("shop", SHOP, Some("main-*"), "1s");
    needy.secrets.insert("DATABASE_URL".into(), "shop/database-url".into());
    let shop = world.put(needy).await;
    world.push(SHOP, "main-1", &digest(1), about(1, "aaa"));
    let told = world.told(EventKind::RegistryTroubled, 1).await;
    assert!(told[0].text.contains("main-1 was pushed, but cannot become a version"), "{told:?}");
    assert!(told[0].text.contains("launcher secret set"), "{told:?}");
    let name = launcher_model::secret::SecretName::new("shop/database-url").unwrap();
    world.store.set_secret(&name, b"sealed", "test", jiff::Timestamp::now()).await.unwrap();
    world.has_versions(&shop, 1).await;
}

/// The registry tells of a manifest before it writes its tag.
#[tokio::test]
async fn a_push_that_is_told_before_its_tag_means_it_is_waited_for() {
    let world = World::new().await;
    let shop = world.service(SHOP, Some("main-*")).await;
    world.push(SHOP, "main-1", &digest(1), about(1, "aaa"));
    world.has_versions(&shop, 1).await;
    let later = std::time::Duration::from_millis(120);
    for (tag, number) in [("main-2", 2), ("main-1", 3)] {
        world.tell(SHOP, tag, Some(&digest(number)));
        tokio::time::sleep(later).await;
        world.registry.push(&of(SHOP), tag, &digest(number), About::default());
    }
    let versions = world.has_versions(&shop, 3).await;
    assert_eq!(versions[2].image, pinned(SHOP, "main-1", &digest(3)));
    // One that never comes to mean it keeps nobody.
    world.tell(SHOP, "main-9", Some(&digest(9)));
    world.push(SHOP, "main-4", &digest(4), about(4, "ddd"));
    world.has_versions(&shop, 4).await;
}
