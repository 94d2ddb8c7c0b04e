//! The git remotes, with the real git client.

mod hostile;
mod pushing;
mod raw;
mod retrying;

use std::net::SocketAddr;

use launcher_model::ServiceName;
use launcher_testkit::Checkout;
use serde_json::Value;

use crate::world::{World, eventually};

/// A server that listens, with a service that is built.
pub(crate) struct Remote {
    pub(crate) world: World,
    address: SocketAddr,
    shop: ServiceName,
}

impl Remote {
    pub(crate) async fn open() -> Self {
        Self::with("").await
    }

    /// The same, with more in the settings of its service.
    async fn with(more: &str) -> Self {
        let mut world = World::without_edge().await;
        let address = world.listen().await;
        let text = settings() + more;
        let spec = launcher_model::service::read("launcher.toml", &text).unwrap();
        let body = serde_json::to_value(&spec).unwrap();
        world.call("POST", "/api/v1/services", body).await.is(201);
        Self { world, address, shop: spec.service.name }
    }

    /// Where a service is pushed to.
    pub(crate) fn url(&self, service: &str) -> String {
        self.url_with(&self.world.token, service)
    }

    fn url_with(&self, token: &str, service: &str) -> String {
        format!("http://anna:{token}@{}/git/{service}.git", self.address)
    }

    /// The builds, newest first.
    pub(crate) async fn builds(&self) -> Vec<Value> {
        let list = self.world.get("/api/v1/services/shop/builds").await.is(200).json();
        list["items"].as_array().unwrap().clone()
    }

    /// The builds, when all of them are over.
    pub(crate) async fn ended(&self) -> Vec<Value> {
        eventually("all builds being over", async || {
            let builds = self.builds().await;
            builds.iter().all(|build| !["queued", "running"].contains(&word(&build["state"])))
        })
        .await;
        self.builds().await
    }

    /// The commit that a branch is at, in the server's repository.
    async fn head(&self, branch: &str) -> Option<String> {
        let repository = self.world.app.builds.repository(&self.shop).await.unwrap();
        launcher_build::git::head_of(&repository, branch).await.unwrap()
    }
}

pub(crate) fn settings() -> String {
    "[service]\nname = \"shop\"\nbuild = \".\"\nport = 8080\n[health]\npath = \"/healthz\"\n\
     interval = \"50ms\"\nhealthy_after = 1\nstart_period = \"20s\"\n"
        .to_owned()
}

/// A working copy with the settings of the service, and something to build.
pub(crate) fn checkout(page: &str) -> Checkout {
    let checkout = Checkout::new();
    checkout.write("launcher.toml", settings().as_bytes());
    checkout.write("Dockerfile", b"FROM scratch\nCOPY page /page\n");
    checkout.write("page", page.as_bytes());
    checkout.commit(&format!("Say {page}"));
    checkout
}

pub(crate) fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
