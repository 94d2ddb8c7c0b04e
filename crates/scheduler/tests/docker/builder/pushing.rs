//! Pushing images, and forgetting them.

use std::collections::HashMap;

use bollard::query_parameters::{PruneImagesOptionsBuilder, TagImageOptionsBuilder};
use launcher_model::image::{Digest, ImageRef, PinnedImage};
use launcher_scheduler::docker::ImageBuilder;
use launcher_scheduler::{Builder, Error, Scheduler, labels};
use rstest::rstest;

use super::ground::{build, pushed, words};
use crate::busybox::command;
use crate::conformance::{Ground, place, settle, version_of};
use crate::ground::{DockerGround, by_id};
use crate::images::{login, named, with_tls};
use crate::registry::Registry;

async fn has(ground: &DockerGround, image: &Digest) -> bool {
    ground.api.inspect_image(image.as_str()).await.is_ok()
}

#[tokio::test]
async fn docker_pushes_an_image_and_launches_it_by_its_digest() {
    with_tls();
    let ground = DockerGround::prepare().await;
    let registry = Registry::open().await;
    let engine = ground.driver(|_| {});
    let lines = command("while :; do busybox sleep 1; done");
    let image = build(&ground, &engine, &lines).await.1.unwrap();
    let name = registry.name("team/shop:12");
    let (lines, digest) = pushed(&engine, &image, &name, None).await;
    let digest = digest.unwrap();
    assert!(lines.len() <= 4, "{lines:#?}");
    let resolved = engine.resolve(&named(&name), None).await.unwrap();
    assert_eq!(resolved.digest, digest);
    // Again: everything is there.
    assert_eq!(pushed(&engine, &image, &name, None).await.1.unwrap(), digest);

    let placement = place(version_of("shop", 1, resolved.clone()), 1);
    settle(&engine, &placement).await;
    engine.forget_image(&resolved).await.unwrap();
    assert!(has(&ground, &image).await, "a container uses it");
    engine
        .remove(&placement.version.service, placement.version.number, Default::default())
        .await
        .unwrap();
    engine.forget_image(&resolved).await.unwrap();
    assert!(!has(&ground, &image).await);
    engine.forget_image(&resolved).await.unwrap();
}

#[tokio::test]
async fn docker_forgets_no_image_that_others_have_named() {
    let ground = DockerGround::prepare().await;
    let engine = ground.driver(|_| {});
    let image = build(&ground, &engine, "").await.1.unwrap();
    let name = format!("launcher-test-{}:mine", ground.installation());
    let (repository, tag) = name.rsplit_once(':').unwrap();
    let options = TagImageOptionsBuilder::new().repo(repository).tag(tag).build();
    ground.api.tag_image(image.as_str(), Some(options)).await.unwrap();
    engine.forget_image(&by_id(image.clone())).await.unwrap();
    assert!(ground.api.inspect_image(&name).await.is_ok());

    let other = build(&ground, &engine, "ENV a=b").await.1.unwrap();
    engine.forget_image(&by_id(other.clone())).await.unwrap();
    assert!(!has(&ground, &other).await);
}

/// What `docker image prune` does, among the images of an installation.
async fn prune(ground: &DockerGround) {
    let label = format!("{}={}", labels::IMAGE_INSTALLATION, ground.installation());
    let filters = HashMap::from([("label", vec![label]), ("dangling", vec!["true".to_owned()])]);
    let options = PruneImagesOptionsBuilder::new().filters(&filters).build();
    ground.api.prune_images(Some(options)).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn docker_keeps_what_was_built_until_it_is_forgotten(
    #[values(ImageBuilder::BuildKit, ImageBuilder::Classic)] builder: ImageBuilder,
) {
    let ground = DockerGround::prepare().await;
    let engine = ground.driver(|config| config.builder = builder);
    let lines = command("while :; do busybox sleep 1; done");
    let image = build(&ground, &engine, &lines).await.1.unwrap();
    prune(&ground).await;
    assert!(has(&ground, &image).await, "nothing has used it yet");

    // The containers of a version that is stopped may be pruned, too.
    let placement = place(version_of("shop", 1, by_id(image.clone())), 1);
    settle(&engine, &placement).await;
    let (service, number) = (&placement.version.service, placement.version.number);
    engine.remove(service, number, Default::default()).await.unwrap();
    prune(&ground).await;
    settle(&engine, &placement).await;
    engine.remove(service, number, Default::default()).await.unwrap();

    // A build that is done again has its name; what it had before is left over.
    let again = build(&ground, &engine, "ENV again=yes").await.1.unwrap();
    prune(&ground).await;
    assert_eq!((has(&ground, &image).await, has(&ground, &again).await), (false, true));
    engine.forget_image(&by_id(again.clone())).await.unwrap();
    assert!(!has(&ground, &again).await);
}

#[tokio::test]
async fn docker_forgets_the_name_of_a_push_that_failed() {
    let ground = DockerGround::prepare().await;
    let engine = ground.driver(|_| {});
    let image = build(&ground, &engine, "").await.1.unwrap();
    let name = "127.0.0.1:1/shop:12";
    let told = words(pushed(&engine, &image, name, None).await.1);
    assert!(told.contains("127.0.0.1:1 cannot be reached"), "{told}");
    let pinned = PinnedImage { requested: named(name), ..by_id(image.clone()) };
    engine.forget_image(&pinned).await.unwrap();
    assert!(!has(&ground, &image).await);
}

#[tokio::test]
async fn docker_pushes_with_a_login_where_one_is_asked_for() {
    with_tls();
    let ground = DockerGround::prepare().await;
    let registry = Registry::closed(&[("pusher", "~~~???>>>")]).await;
    let engine = ground.driver(|_| {});
    let image = build(&ground, &engine, "").await.1.unwrap();
    let name = registry.name("shop:12");

    let told = words(pushed(&engine, &image, &name, None).await.1);
    assert!(told.contains("without a login"), "{told}");
    let wrong = login("pusher", "wrong");
    let told = words(pushed(&engine, &image, &name, Some(&wrong)).await.1);
    assert!(told.contains("refused the login of \"pusher\""), "{told}");
    assert!(!told.contains("wrong"), "{told}");
    let good = login("pusher", "~~~???>>>");
    let digest = pushed(&engine, &image, &name, Some(&good)).await.1.unwrap();
    assert_eq!(engine.resolve(&named(&name), Some(&good)).await.unwrap().digest, digest);
}

#[tokio::test]
async fn docker_ends_a_push_to_a_registry_that_hangs() {
    let ground = DockerGround::prepare().await;
    let engine = ground.driver(|config| config.silence = std::time::Duration::from_secs(2));
    let image = build(&ground, &engine, "").await.1.unwrap();
    // It takes connections, and answers nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let name = format!("{}/shop:12", silent.local_addr().unwrap());
    let (_, outcome) = pushed(&engine, &image, &name, None).await;
    assert!(
        matches!(&outcome, Err(Error::Push { why, .. }) if why.contains("silent for 2 s")),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn docker_tells_of_an_image_that_is_gone_before_its_push() {
    let ground = DockerGround::prepare().await;
    let engine = ground.driver(|_| {});
    let gone = Digest::new(format!("sha256:{}", "0".repeat(64))).unwrap();
    let told = words(pushed(&engine, &gone, "127.0.0.1:1/shop:12", None).await.1);
    assert!(told.contains("build it again"), "{told}");
    let nowhere = PinnedImage { requested: ImageRef::Id(gone.clone()), ..by_id(gone) };
    engine.forget_image(&nowhere).await.unwrap();
}
