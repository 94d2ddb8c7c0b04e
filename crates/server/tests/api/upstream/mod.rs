//! What code hosts tell, and what they are told.

mod building;
mod jenkins;
mod jenkins_client;
mod refusing;
mod telling;

use axum::body::Body;
use axum::http::Request;
use launcher_model::service::CodeHost;
use launcher_testkit::Checkout;
use launcher_testkit::code_host::{Host, TOKEN, payloads};
use serde_json::{Value, json};

use crate::git::{checkout, settings, word};
use crate::world::{Answer, World, eventually};

const HOSTS: [CodeHost; 3] = [CodeHost::Github, CodeHost::Gitlab, CodeHost::Gitea];
/// What hosts sign with.
const SECRET: &str = "It's a Secret to Everybody";

/// A server, a code host, and a service whose source is there.
struct Team {
    world: World,
    host: Host,
    kind: CodeHost,
    checkout: Checkout,
}

impl Team {
    async fn on(kind: CodeHost) -> Self {
        Self::with(kind, "").await
    }

    /// The same, with more in the settings of the service.
    async fn with(kind: CodeHost, more: &str) -> Self {
        let (world, host) = (World::without_edge().await, Host::open(kind).await);
        let team = Self { world, host, kind, checkout: checkout("one") };
        team.secret("shop/hook", SECRET).await;
        team.secret("shop/token", TOKEN).await;
        let source = format!(
            "[source]\nhost = {:?}\nurl = {:?}\nhook_secret = \"shop/hook\"\ntoken = \"shop/token\"\n",
            kind.as_str(),
            team.host.url()
        );
        team.put(&format!("{}{source}{more}", settings())).await;
        team.checkout.write("launcher.toml", format!("{}{source}{more}", settings()).as_bytes());
        team.checkout.commit("Say where the source is");
        team
    }

    async fn put(&self, text: &str) {
        let spec = launcher_model::service::read("launcher.toml", text).unwrap();
        let path = format!("/api/v1/services/{}", spec.service.name);
        let body = serde_json::to_value(&spec).unwrap();
        let answer = self.world.call("PUT", &path, body).await;
        assert!(answer.status.is_success(), "{}", answer.text());
    }

    async fn secret(&self, name: &str, value: &str) {
        let path = format!("/api/v1/secrets/{}", name.replace('/', "%2F"));
        let answer = self.world.call("PUT", &path, json!({ "value": value })).await;
        assert!(answer.status.is_success(), "{}", answer.text());
    }

    /// Tells what the host would tell of a branch.
    async fn tells(&self, branch: &str, before: &str, after: &str) -> Answer {
        let told = payloads::push(self.kind, &self.host.base, branch, before, after);
        self.sends(&told).await
    }

    /// Sends something, signed.
    async fn sends(&self, told: &Value) -> Answer {
        let body = told.to_string();
        let headers = payloads::signed(self.kind, SECRET, body.as_bytes());
        self.delivers("shop", &headers, body).await
    }

    /// Sends something with these headers, and no token.
    async fn delivers(
        &self,
        service: &str,
        headers: &[(&str, String)],
        body: impl Into<Body>,
    ) -> Answer {
        let path = format!("/api/v1/hooks/{}/{service}", self.kind.as_str());
        let mut request = Request::post(path).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        self.world.send(request.body(body.into()).unwrap()).await
    }

    /// Pushes to the host, which tells it; the commit.
    async fn pushes(&self, page: &str) -> String {
        self.checkout.write("page", page.as_bytes());
        self.checkout.commit(&format!("Say {page}"));
        let commit = self.host.takes(&self.checkout, "main");
        self.tells("main", payloads::NONE, &commit).await.is(202);
        commit
    }

    async fn builds(&self) -> Vec<Value> {
        let list = self.world.get("/api/v1/services/shop/builds").await.is(200).json();
        list["items"].as_array().unwrap().clone()
    }

    /// The builds, newest first, when all are over.
    async fn ended(&self) -> Vec<Value> {
        eventually("all builds being over", async || {
            let builds = self.builds().await;
            builds.iter().all(|build| !["queued", "running"].contains(&word(&build["state"])))
        })
        .await;
        self.builds().await
    }

    /// Waits until the host knows this of a commit, and nothing is left to be told.
    async fn knows(&self, commit: &str, state: &str) -> Value {
        eventually(&format!("the host knowing {state} of {commit}"), async || {
            let statuses = self.host.statuses(commit);
            statuses.last().is_some_and(|status| status["state"] == state)
                && self.world.app.store.unreported_builds().await.unwrap().is_empty()
        })
        .await;
        self.host.statuses(commit).pop().unwrap()
    }

    async fn log(&self, build: &Value) -> String {
        self.world.get(&format!("/api/v1/builds/{}/log", build["id"])).await.is(200).text()
    }
}
