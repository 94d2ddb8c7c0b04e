//! Images, which hosts pull by themselves.

use std::sync::Arc;
use std::time::Duration;

use bollard::auth::DockerCredentials;
use bollard::query_parameters::{
    CreateImageOptionsBuilder, PushImageOptions, RemoveImageOptions, TagImageOptionsBuilder,
};
use futures_util::TryStreamExt;
use launcher_model::VersionNumber;
use launcher_registry::{Access, Login};
use launcher_scheduler::{Error, Scheduler};

use crate::conformance::{Behaviour, Ground, place, placement, settle, shop, version_of};
use crate::ground::SwarmGround;
use crate::registry::Registry;

pub(crate) async fn one_without_a_registry_is_refused(ground: &SwarmGround) {
    let engine = ground.driver(|_| {});
    let mut placement = placement(ground, Behaviour::Runs, 1).await;
    let mut version = (*placement.version).clone();
    let id: launcher_model::image::ImageRef = version.image.digest.to_string().parse().unwrap();
    version.image.reference = id;
    placement.version = Arc::new(version);
    let image = &placement.version.image;
    for refused in [engine.fetch(image, None).await.err(), engine.ensure(&placement).await.err()] {
        let error = refused.expect("it is in no registry");
        assert!(matches!(error, Error::Image { .. }), "{error}");
        assert!(error.to_string().contains("REGISTRY/NAME"), "{error}");
    }
}

pub(crate) async fn hosts_pull_with_the_login_that_is_known(ground: &SwarmGround) {
    let lab = &ground.site.lab;
    // In base64 this password has both characters in which the two alphabets differ.
    let password = "~~~???>>>";
    let users = [("pusher", "plain"), ("puller", password)];
    let registry = Registry::start(lab.gateway().into(), &users).await;
    let name = registry.name("shop");
    let login = DockerCredentials {
        username: Some("pusher".to_owned()),
        password: Some("plain".to_owned()),
        ..DockerCredentials::default()
    };
    push(ground, &name, login).await;

    let login = Login { username: "puller".to_owned(), password: password.into() };
    let host = name.split('/').next().unwrap().to_owned();
    let knows = ground.driver(|config| {
        let access = Access { login: Some(login), ..Access::default() };
        config.registries.insert(host, access);
    });
    let image = knows.resolve(&format!("{name}:1").parse().unwrap(), None).await.unwrap();
    // Each host pulls for itself.
    let placed = settle(&knows, &place(version_of("shop", 21, image.clone()), 3)).await;
    assert_eq!(placed.len(), 3);
    let refused = ground.driver(|_| {}).fetch(&image, None).await.unwrap_err().to_string();
    assert!(refused.contains("without a login"), "{refused}");
    knows.remove(&shop(), VersionNumber(21), Duration::ZERO).await.unwrap();
}

/// Puts an image that runs into a registry that asks who it is, as `NAME:1`.
async fn push(ground: &SwarmGround, name: &str, login: DockerCredentials) {
    let api = ground.api();
    let source = ground.image(Behaviour::Runs).await.reference.to_string();
    let pull = CreateImageOptionsBuilder::new().from_image(&source).build();
    let _: Vec<_> = api.create_image(Some(pull), None, None).try_collect().await.unwrap();
    let tag = TagImageOptionsBuilder::new().repo(name).tag("1").build();
    api.tag_image(&source, Some(tag)).await.unwrap();
    let options = PushImageOptions { tag: Some("1".to_owned()), ..PushImageOptions::default() };
    let _: Vec<_> = api.push_image(name, Some(options), Some(login)).try_collect().await.unwrap();
    // The host that has pushed it would need no login.
    let gone = None::<RemoveImageOptions>;
    api.remove_image(&format!("{name}:1"), gone, None).await.unwrap();
}
