//! An installation with a service that is pushed to.

use std::path::Path;

use launcher_testkit::wait::{SOON, until};
use launcher_testkit::{Api, Engine, Installation};
use serde_json::{Value, json};

/// An installation with the service `shop`, and where git pushes to.
pub(crate) struct Shop {
    pub(crate) installation: Installation,
    pub(crate) api: Api,
    pub(crate) remote: String,
}

impl Shop {
    pub(crate) async fn open() -> Self {
        let mut installation = Self::installation();
        let api = installation.start().await;
        Self::on(installation, api).await
    }

    /// Processes that have not been started.
    pub(crate) fn installation() -> Installation {
        Installation::new(Path::new(env!("CARGO_BIN_EXE_launcher")), &Engine::local())
    }

    /// The service, on an installation that is up.
    pub(crate) async fn on(installation: Installation, api: Api) -> Self {
        api.put_service(json!({
            "service": { "name": "shop", "hosts": ["shop.example.com"], "port": 8080, "build": "." },
        }))
        .await;
        let remote = installation.remote("shop");
        Self { installation, api, remote }
    }

    /// The page of a version.
    pub(crate) async fn page(&self, version: u64) -> Option<String> {
        self.installation.page(&format!("v{version}.shop.localhost")).await
    }

    /// The newest build.
    pub(crate) async fn newest(&self) -> Value {
        self.api.get("/services/shop/builds").await["items"][0].clone()
    }

    /// The newest build once it is over.
    pub(crate) async fn ended(&self) -> Value {
        until("the build being over", SOON, || async {
            let build = self.newest().await;
            let over = !["queued", "running"].contains(&build["state"].as_str()?);
            over.then_some(build)
        })
        .await
    }
}

/// The steps of a build, each with its state.
pub(crate) fn states(build: &Value) -> Vec<String> {
    let steps = build["steps"].as_array().unwrap();
    let word = |step: &Value, name: &str| step[name].as_str().unwrap().to_owned();
    steps.iter().map(|step| format!("{} {}", word(step, "kind"), word(step, "state"))).collect()
}
