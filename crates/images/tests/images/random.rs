//! Whatever is built, launched, destroyed and killed in whatever order: nothing that is kept is removed, and
//! all that is left goes in the end.

use launcher_model::VersionNumber;
use launcher_model::build::BuildState;
use launcher_model::environment::EnvironmentState;
use launcher_registry::{About, Error};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::world::{World, digest, eventually, of, pinned};

const SHOP: &str = "registry.example.com/team/shop";
const STORE: &str = "registry.example.com/team/store";

#[derive(Debug, Clone)]
enum Act {
    /// A build makes a version of one of few images.
    Build {
        store: bool,
        image: u64,
    },
    /// A build pushes one, and fails then.
    Fail {
        image: u64,
    },
    /// Somebody launches one that is in the registry.
    Launch {
        image: u64,
    },
    /// Somebody destroys one of the versions.
    Destroy {
        store: bool,
        which: usize,
    },
    Pin {
        which: usize,
    },
    /// The registry fails, or does not any more.
    Registry {
        fails: bool,
    },
    Restart,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let image = 1..4_u64;
    let act = prop_oneof![
        4 => (any::<bool>(), image.clone()).prop_map(|(store, image)| Act::Build { store, image }),
        1 => image.clone().prop_map(|image| Act::Fail { image }),
        2 => image.prop_map(|image| Act::Launch { image }),
        5 => (any::<bool>(), 0..8_usize).prop_map(|(store, which)| Act::Destroy { store, which }),
        1 => (0..8_usize).prop_map(|which| Act::Pin { which }),
        1 => any::<bool>().prop_map(|fails| Act::Registry { fails }),
        1 => Just(Act::Restart),
    ];
    vec(act, 1..25)
}

/// Every image that a kept version of the shop or the store needs is in the registry.
async fn nothing_is_lost(world: &World, lost_when_launched: &[VersionNumber]) {
    for (name, repository) in [("shop", SHOP), ("store", STORE)] {
        let service = launcher_model::ServiceName::new(name).unwrap();
        for version in world.versions(&service).await {
            if name == "shop" && lost_when_launched.contains(&version.number) {
                continue;
            }
            let environment = world.store.environment(&service, version.number).await.unwrap();
            if environment.unwrap().state != EnvironmentState::Destroyed {
                let kept = world.registry.has(&of(repository), &version.image.digest);
                assert!(kept, "{} of {service} lost its image", version.number);
            }
        }
    }
}

async fn story(acts: Vec<Act>) {
    let mut world = World::new().await;
    let shop = world.service(SHOP, None).await;
    let store = world.service(STORE, None).await;
    let mut commits = 0_u64;
    let mut lost = Vec::new();
    for act in acts {
        commits += 1;
        let commit = format!("{commits:040x}");
        match act {
            Act::Build { store: false, image } => {
                world.built(&shop, SHOP, &commit, &digest(image)).await;
            }
            Act::Build { store: true, image } => {
                world.built(&store, STORE, &commit, &digest(image)).await;
            }
            Act::Fail { image } => {
                let build = world.build_pushing(&shop, &commit).await;
                world.registry.push(&of(SHOP), &commit[..12], &digest(image), About::default());
                world.build_pushed(build, &pinned(SHOP, &commit[..12], &digest(image))).await;
                world.build_over(build, BuildState::Failed).await;
            }
            Act::Launch { image } => {
                // As a person does: look at the registry, and launch what is there, under one lock.
                let using = world.control().use_images(&of(SHOP)).await.unwrap();
                let there = world.registry.has(&of(SHOP), &digest(image));
                let number = world.launch(&shop, pinned(SHOP, "x", &digest(image)), None).await;
                drop(using);
                if !there {
                    lost.push(number);
                }
            }
            Act::Destroy { store: of_store, which } => {
                let service = if of_store { &store } else { &shop };
                let kept = world.store.environments(service, false).await.unwrap();
                let kept: Vec<_> = kept.iter().filter(|environment| !environment.pinned).collect();
                if let Some(environment) = kept.get(which % kept.len().max(1)) {
                    world.destroy(service, environment.version).await;
                }
            }
            Act::Pin { which } => {
                let kept = world.store.environments(&shop, false).await.unwrap();
                if let Some(environment) = kept.get(which % kept.len().max(1)) {
                    let (name, version) = (shop.clone(), environment.version);
                    let pinning = world.ask(|control| async move {
                        control.pin(&name, version, true, "test").await
                    });
                    pinning.await.unwrap();
                }
            }
            Act::Registry { fails } => {
                let registry = "registry.example.com".to_owned();
                let down = Error::Unreachable { registry, why: "down".into() };
                world.registry.fails(fails.then_some(down));
            }
            Act::Restart => world.restart().await,
        }
        nothing_is_lost(&world, &lost).await;
    }
    world.registry.fails(None);
    world.restart().await;
    eventually("nothing is left", async || world.store.left_images(None).await.unwrap().is_empty())
        .await;
    nothing_is_lost(&world, &lost).await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_is_kept_is_removed(acts in acts()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(story(acts));
    }
}
