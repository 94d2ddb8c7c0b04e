//! Pinning images and having them, with real registries.

use bollard::auth::DockerCredentials;
use bollard::query_parameters::{PushImageOptionsBuilder, RemoveImageOptionsBuilder};
use futures_util::TryStreamExt;
use launcher_model::image::{Digest, ImageRef};
use launcher_scheduler::{Error, RegistryLogin};

use crate::busybox::command;
use crate::conformance::{Ground, place, settle, version_of};
use crate::ground::{DockerGround, by_id};
use crate::registry::Registry;

pub(crate) fn named(name: &str) -> ImageRef {
    name.parse().unwrap()
}

pub(crate) fn login(username: &str, password: &str) -> RegistryLogin {
    RegistryLogin { username: username.into(), password: password.to_owned().into() }
}

/// Once, for the registry client's TLS.
pub(crate) fn with_tls() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Builds an image that runs and says `what`, under a name with a tag, and pushes it.
async fn push(ground: &DockerGround, name: &str, what: &str, user: Option<(&str, &str)>) {
    let lines = command(&format!("echo {what}; while :; do busybox sleep 1; done"));
    ground.build(Some(name), &lines).await;
    let (repository, tag) = name.rsplit_once(':').unwrap();
    let options = PushImageOptionsBuilder::new().tag(tag).build();
    let credentials = user.map(|(user, password)| DockerCredentials {
        username: Some(user.into()),
        password: Some(password.into()),
        ..DockerCredentials::default()
    });
    let told: Vec<_> =
        ground.api.push_image(repository, Some(options), credentials).try_collect().await.unwrap();
    assert!(told.iter().all(|info| info.error_detail.is_none()), "{told:?}");
}

/// The engine has it no more, under this name at least.
async fn forget(ground: &DockerGround, name: &str) {
    let options = RemoveImageOptionsBuilder::new().force(true).build();
    ground.api.remove_image(name, Some(options), None).await.unwrap();
}

#[tokio::test]
async fn docker_pins_a_tag_to_what_the_registry_has_now_and_pulls_that() {
    with_tls();
    let ground = DockerGround::prepare().await;
    let registry = Registry::open().await;
    let engine = ground.engine();
    let name = registry.name("team/shop:1");
    push(&ground, &name, "first", None).await;
    let first = engine.resolve(&named(&name), None).await.unwrap();
    assert_eq!(first.requested, named(&name));
    assert_eq!(
        first.reference.to_string(),
        format!("{}@{}", registry.name("team/shop"), first.digest)
    );
    engine.fetch(&first, None).await.unwrap();

    push(&ground, &name, "second", None).await;
    let second = engine.resolve(&named(&name), None).await.unwrap();
    assert_ne!(second.digest, first.digest);
    // By digest it is what it was, whether the registry is asked or the engine.
    assert_eq!(engine.resolve(&first.reference, None).await.unwrap().digest, first.digest);
    forget(&ground, &first.reference.to_string()).await;
    assert_eq!(engine.resolve(&first.reference, None).await.unwrap().digest, first.digest);

    let placement = place(version_of("shop", 1, first.clone()), 1);
    assert!(matches!(engine.ensure(&placement).await, Err(Error::Image { .. })));
    engine.fetch(&first, None).await.unwrap();
    engine.fetch(&first, None).await.unwrap();
    settle(&*engine, &placement).await;
}

#[tokio::test]
async fn docker_knows_an_image_by_the_beginning_of_its_id_and_asks_nobody_for_what_was_built_here()
{
    with_tls();
    let ground = DockerGround::prepare().await;
    let engine = ground.engine();
    let name = format!("launcher.local/{}:mine", ground.installation());
    let id = ground.build(Some(&name), &command("echo mine")).await;
    let (_, digits) = id.as_str().split_once(':').unwrap();
    for known in [&digits[..12], digits] {
        let found = engine.resolve(&named(known), None).await.unwrap();
        assert_eq!(found, by_id(id.clone()), "{known}");
    }
    let found = engine.resolve(&named(&name), None).await.unwrap();
    assert_eq!((found.requested, found.reference), (named(&name), ImageRef::Id(id)));
    let gone = engine.resolve(&named("launcher.local/nobody:mine"), None).await.unwrap_err();
    assert!(gone.to_string().contains("built here and pushed nowhere"), "{gone}");
}

#[tokio::test]
async fn docker_logs_in_where_a_login_is_asked_for() {
    with_tls();
    let ground = DockerGround::prepare().await;
    // In base64 this password has both characters in which the two alphabets differ.
    let password = "~~~???>>>";
    let registry = Registry::closed(&[("pusher", "plain"), ("puller", password)]).await;
    let engine = ground.engine();
    let name = registry.name("shop:1");
    push(&ground, &name, "closed", Some(("pusher", "plain"))).await;

    let good = login("puller", password);
    let image = engine.resolve(&named(&name), Some(&good)).await.unwrap();
    let nobody = engine.resolve(&named(&name), None).await.unwrap_err().to_string();
    assert!(nobody.contains("without a login") && nobody.contains(&name), "{nobody}");
    let wrong = login("puller", "wrong");
    let refused = engine.resolve(&named(&name), Some(&wrong)).await.unwrap_err().to_string();
    assert!(refused.contains("refused the login of \"puller\""), "{refused}");
    assert!(!refused.contains("wrong"), "{refused}");

    forget(&ground, &image.reference.to_string()).await;
    let nobody = engine.fetch(&image, None).await.unwrap_err().to_string();
    assert!(nobody.contains("without a login"), "{nobody}");
    let refused = engine.fetch(&image, Some(&wrong)).await.unwrap_err().to_string();
    assert!(refused.contains("refused the login of \"puller\""), "{refused}");
    engine.fetch(&image, Some(&good)).await.unwrap();
}

#[tokio::test]
async fn docker_says_what_to_do_about_an_image_that_is_nowhere() {
    with_tls();
    let ground = DockerGround::prepare().await;
    let registry = Registry::open().await;
    let engine = ground.engine();
    let missing = engine.resolve(&named(&registry.name("none:1")), None).await.unwrap_err();
    assert!(matches!(missing, Error::Image { .. }) && !missing.is_passing());
    assert!(missing.to_string().contains("push it first"), "{missing}");

    let away = engine.resolve(&named("127.0.0.1:1/none:1"), None).await.unwrap_err().to_string();
    assert!(away.contains("127.0.0.1:1 cannot be reached"), "{away}");

    let id = Digest::new(format!("sha256:{}", "0".repeat(64))).unwrap();
    let unknown = engine.resolve(&ImageRef::Id(id), None).await.unwrap_err().to_string();
    assert!(unknown.contains("build it there first"), "{unknown}");
}

#[tokio::test]
async fn docker_falls_back_to_the_engine_s_own_image_of_a_name() {
    with_tls();
    let ground = DockerGround::prepare().await;
    let registry = Registry::open().await;
    let engine = ground.engine();

    // Never pushed anywhere: known by its id alone.
    let name = format!("launcher-test-{}:1", ground.installation());
    let id = ground.build(Some(&name), &command("exit 0")).await;
    for (asked, reference) in [(named(&name), &id), (ImageRef::Id(id.clone()), &id)] {
        let image = engine.resolve(&asked, None).await.unwrap();
        assert_eq!(image.reference, ImageRef::Id(reference.clone()));
        assert_eq!((&image.digest, &image.requested), (reference, &asked));
        engine.fetch(&image, None).await.unwrap();
    }
    // Gone from the engine, it is gone for good.
    let image = engine.resolve(&named(&name), None).await.unwrap();
    forget(&ground, &name).await;
    let error = engine.fetch(&image, None).await.unwrap_err().to_string();
    assert!(error.contains(&name) && error.contains("build and launch it again"), "{error}");

    // Built for a registry that does not have it yet.
    let local = registry.name("local:1");
    let id = ground.build(Some(&local), &command("exit 1")).await;
    assert_eq!(engine.resolve(&named(&local), None).await.unwrap().reference, ImageRef::Id(id));

    // Pushed once under another tag: known by the digest that it has there.
    let pushed = registry.name("shop:1");
    push(&ground, &pushed, "pushed", None).await;
    let digest = engine.resolve(&named(&pushed), None).await.unwrap().digest;
    let options = bollard::query_parameters::TagImageOptionsBuilder::new()
        .repo(&registry.name("shop"))
        .tag("only-here")
        .build();
    ground.api.tag_image(&pushed, Some(options)).await.unwrap();
    let image = engine.resolve(&named(&registry.name("shop:only-here")), None).await.unwrap();
    assert_eq!(image.digest, digest);
    assert!(matches!(image.reference, ImageRef::Digest(..)));
}

#[tokio::test]
async fn docker_resolves_without_the_engine_what_a_registry_has() {
    with_tls();
    let ground = DockerGround::prepare().await;
    let registry = Registry::open().await;
    let name = registry.name("shop:1");
    push(&ground, &name, "here", None).await;
    ground.take_away().await;
    let engine = ground.engine_at_risk();
    engine.resolve(&named(&name), None).await.unwrap();
    let unreachable = engine.resolve(&named(&registry.name("none:1")), None).await.unwrap_err();
    assert!(unreachable.is_passing(), "{unreachable}");
}
