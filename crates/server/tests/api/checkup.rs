//! What the server needs of others: registries, and the provider of OpenID Connect.

use launcher_build::RegistryError;
use launcher_testkit::assemble::{FakeRegistry, builds_with};
use serde_json::json;

use crate::world::World;

const CHECKUP: &str = "/api/v1/server/checkup";

#[tokio::test]
async fn registries_that_services_use_are_asked_and_told() {
    let mut world = World::without_edge().await;
    let registry = FakeRegistry::default();
    world.app.builds = builds_with(&world.folder, &world.app, &world.fake, registry.clone()).await;
    world.router = launcher_server::router(&world.app);
    let nothing = world.get(CHECKUP).await.is(200).json();
    assert_eq!(nothing, json!({ "registries": [], "openid": null }));

    let shop = world.service("shop").await;
    world.service("mail").await;
    world.launch(&shop, "1").await;
    let told = async || world.get(CHECKUP).await.is(200).json()["registries"].clone();
    // That it has no such image says that it has let us in.
    let well = json!([{ "registry": "registry.example.com", "services": ["mail", "shop"],
        "trouble": null, "login_refused": false }]);
    assert_eq!(told().await, well);

    let name = || "registry.example.com".to_owned();
    let why = || "authentication required".to_owned();
    for (trouble, refused) in [
        (RegistryError::LoginRefused { registry: name(), user: "ci".to_owned(), why: why() }, true),
        (RegistryError::LoginNeeded { registry: name(), why: why() }, false),
        (RegistryError::Unreachable { registry: name(), why: why() }, false),
    ] {
        registry.fails(Some(trouble.clone()));
        let told = told().await;
        assert_eq!(told[0]["trouble"], trouble.to_string(), "{told}");
        assert_eq!(told[0]["login_refused"], refused, "{told}");
    }
    registry.fails(None);
    assert_eq!(told().await, well);
}
