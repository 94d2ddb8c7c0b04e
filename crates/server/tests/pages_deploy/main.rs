//! What a deployment will do, how it goes, and what it has done, on the pages, without JavaScript.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod outlook;
#[allow(dead_code)]
#[path = "../pages_support/mod.rs"]
mod pages_support;
mod progress;
mod shares;

use launcher_control::LaunchRequest;
use launcher_model::build::{BuildState, Origin, Step, StepKind, StepState};
use launcher_model::environment::EnvironmentState;
use launcher_model::{ServiceName, VersionNumber};
use launcher_store::{BuildChange, NewBuild};
use pages_support::{Answer, WHO, World};

const V1: VersionNumber = VersionNumber(1);
const V2: VersionNumber = VersionNumber(2);
const V3: VersionNumber = VersionNumber(3);

const OUTLOOK: &str = "/services/shop/versions/2/deploy";

/// `shop` with v1 live and v2 ready beside it.
async fn blue_and_green(world: &World) -> ServiceName {
    let shop = world.service("shop", "").await;
    world.ready(&shop, "1.0").await;
    world.deploy(&shop, V1).await;
    world.ready(&shop, "1.1").await;
    shop
}

/// Launches an image that came out of a build, with tests that passed, and waits until it is ready.
async fn built(world: &World, shop: &ServiceName, tag: &str, subject: &str) -> VersionNumber {
    let new = NewBuild {
        service: shop.clone(),
        origin: Origin::Push,
        branch: Some("main".to_owned()),
        commit: None,
        subject: Some(subject.to_owned()),
        author: None,
        by: "kim".to_owned(),
    };
    let now = world.app.now();
    let build = world.app.store.queue_build(new, now).await.unwrap().build.id;
    let request = LaunchRequest {
        image: Some(format!(":{tag}")),
        build: Some(build),
        ..LaunchRequest::new(shop.clone(), WHO)
    };
    let number = world.app.control.launch(request).await.unwrap().0.number;
    world.reaches(shop, number, EnvironmentState::Ready).await;
    let test = Step {
        kind: StepKind::Test,
        state: StepState::Passed,
        started_at: now,
        finished_at: Some(now),
        note: Some("12 tests".to_owned()),
    };
    let (state, steps) = (Some(BuildState::Passed), Some(vec![test]));
    let change = BuildChange { state, steps, ..BuildChange::default() };
    world.app.store.change_build(build, change, &[], now).await.unwrap();
    number
}

fn says(page: &Answer, words: &[&str]) {
    for shown in words {
        assert!(page.body.contains(shown), "{shown} in {}", page.body);
    }
}

/// The fields of the form that a button of this path is in.
fn fields<'p>(page: &'p Answer, version: &'static str) -> Vec<(&'static str, &'p str)> {
    vec![
        ("form_secret", page.field("form_secret")),
        ("version", version),
        ("generation", page.field("generation")),
    ]
}
