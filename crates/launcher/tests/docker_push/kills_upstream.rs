//! `kill -9` of the server while it works with what a team has: a code host, a Jenkins.

use std::path::{Path, PathBuf};

use launcher_model::service::CodeHost;
use launcher_testkit::code_host::{Host, TOKEN, payloads};
use launcher_testkit::wait::{SOON, until};
use launcher_testkit::{Api, Checkout, Engine, Jenkins, Registry, jenkins};
use reqwest::Method;
use serde_json::{Value, json};

use crate::shop::Shop;

const SECRET: &str = "It's a Secret to Everybody";

/// A server that dies where it is told to, and a code host with the service's source.
struct Team {
    shop: Shop,
    host: Host,
    checkout: Checkout,
    fault: PathBuf,
}

impl Team {
    /// With this at the end of the service's settings.
    async fn with(service: &str, more: &str) -> Self {
        let host = Host::open(CodeHost::Github).await;
        let mut installation = Shop::installation();
        let fault = installation.scratch().join("fault");
        installation.set("LAUNCHER_FAULT_FILE", fault.to_str().unwrap());
        let api = installation.start().await;
        for (name, value) in [("hook", SECRET), ("token", TOKEN), ("jenkins", jenkins::TOKEN)] {
            let path = format!("/secrets/shop%2F{name}");
            api.call(Method::PUT, &path, Some(json!({ "value": value }))).await;
        }
        let checkout = Checkout::web("shop", "page 0");
        let source = format!(
            "[source]\nhost = \"github\"\nurl = {:?}\nhook_secret = \"shop/hook\"\ntoken = \"shop/token\"\n",
            host.url()
        );
        let settings =
            launcher_testkit::checkout::settings("shop").replace("build = \".\"\n", service);
        let settings = format!("{settings}{source}{more}");
        checkout.write("launcher.toml", settings.as_bytes());
        checkout.commit("Say where the source is");
        let spec = launcher_model::service::read("launcher.toml", &settings).unwrap();
        api.put_service(serde_json::to_value(&spec).unwrap()).await;
        let remote = installation.remote("shop");
        Self { shop: Shop { installation, api, remote }, host, checkout, fault }
    }

    fn api(&self) -> &Api {
        &self.shop.api
    }

    /// Another commit at the host, of which nobody is told.
    fn moves(&self, page: &str) -> String {
        self.checkout.write("www/index.html", page.as_bytes());
        self.checkout.commit(page);
        self.host.takes(&self.checkout, "main")
    }

    /// Tells the server of a commit, and waits until that has killed it at this point.
    async fn dies_at(&mut self, point: &str, commit: &str) {
        std::fs::write(&self.fault, point).unwrap();
        let told =
            payloads::push(CodeHost::Github, &self.host.base, "main", payloads::NONE, commit);
        let body = told.to_string();
        let url = format!("http://{}/api/v1/hooks/github/shop", self.shop.installation.listen);
        let mut request = reqwest::Client::builder().no_proxy().build().unwrap().post(url);
        for (name, value) in payloads::signed(CodeHost::Github, SECRET, body.as_bytes()) {
            request = request.header(name, value);
        }
        let request = request.header("content-type", "application/json").body(body);
        assert_eq!(request.send().await.unwrap().status(), 202);
        let installation = &mut self.shop.installation;
        until(&format!("the server dying at {point}"), SOON, || {
            let ended = installation.server_has_ended();
            async move { ended.then_some(()) }
        })
        .await;
        assert!(!self.fault.exists(), "it died of something else than {point}");
    }

    /// Starts the server again; all builds, newest first, once they are over.
    async fn ended(&mut self) -> Vec<Value> {
        self.shop.installation.start_server();
        self.shop.installation.wait_until_up().await;
        until("all builds being over", SOON, || async {
            let list = self.api().insist_get("/services/shop/builds").await;
            let builds = list["items"].as_array()?.clone();
            let over = |build: &Value| {
                !["queued", "running"].contains(&build["state"].as_str().unwrap_or_default())
            };
            builds.iter().all(over).then_some(builds)
        })
        .await
    }

    /// Waits until the host was told this of a commit last.
    async fn knows(&self, commit: &str, state: &str) {
        until(&format!("the host knowing {state} of {commit}"), SOON, || async {
            let statuses = self.host.statuses(commit);
            (statuses.last()?["state"] == state).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_a_server_that_dies_after_a_fetch_builds_what_it_was_told_of() {
    let mut team = Team::with("build = \".\"\n", "").await;
    let commit = team.moves("page 1");
    team.dies_at("build.fetched", &commit).await;
    let builds = team.ended().await;
    assert_eq!(builds.len(), 1, "{builds:?}");
    let build = &builds[0];
    assert_eq!(
        (&build["state"], &build["attempts"], &build["version"], &build["commit"]),
        (&json!("passed"), &json!(2), &json!(1), &json!(commit)),
        "{build}"
    );
    team.knows(&commit, "success").await;
    assert_eq!(team.shop.page(1).await.as_deref(), Some("page 1"));

    // Somebody pushes while it is away, and what the host tells of that is lost.
    let old = team.moves("page 2");
    team.dies_at("build.fetched", &old).await;
    let new = team.moves("page 3");
    let builds = team.ended().await;
    let told: Vec<_> = builds.iter().map(|build| (&build["commit"], &build["state"])).collect();
    assert_eq!(
        told[..2],
        [(&json!(new), &json!("passed")), (&json!(old), &json!("superseded"))],
        "{builds:?}"
    );
    assert_eq!((builds.len(), &builds[0]["version"]), (3, &json!(2)), "{builds:?}");
    team.knows(&old, "error").await;
    team.knows(&new, "success").await;
    assert_eq!(team.shop.page(2).await.as_deref(), Some("page 3"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_a_server_that_dies_after_starting_a_job_finds_it_again() {
    let registry = Registry::open().await;
    let jenkins = Jenkins::open(true).await;
    jenkins.ends_with("SUCCESS");
    let image = registry.name("shop");
    let section = format!(
        "[jenkins]\nurl = {:?}\njob = \"web/shop\"\nuser = \"launcher\"\ntoken = \"shop/jenkins\"\n",
        jenkins.base
    );
    let mut team = Team::with(&format!("image = {image:?}\nbuild = \".\"\n"), &section).await;
    // It still waits, or runs, or is over when the server is back.
    let turns: [fn(&Jenkins); 3] = [|_| (), Jenkins::begins_all, Jenkins::ends_all];
    for (round, turn) in (1..).zip(turns) {
        let commit = team.moves(&format!("page {round}"));
        team.dies_at("build.job_started", &commit).await;
        // The job does its work whether the server is there or not.
        let number = u32::try_from(round).unwrap();
        let program = Path::new(env!("CARGO_BIN_EXE_launcher"));
        let built = Engine::local().build(program, number, &[]);
        built.push(&image, &commit).await;
        turn(&jenkins);
        let builds = team.ended().await;
        assert_eq!(builds.len(), round, "{builds:?}");
        let build = &builds[0];
        assert_eq!(
            (&build["state"], &build["attempts"], &build["version"]),
            (&json!("passed"), &json!(2), &json!(round)),
            "{build}"
        );
        assert_eq!(jenkins.runs().len(), round, "a job was started twice");
        let name = format!("shop {} {commit}", build["id"]);
        assert_eq!(jenkins.runs()[round - 1].parameters["LAUNCHER_BUILD"], name);
        team.knows(&commit, "success").await;
    }
    // A job that fails meanwhile fails the build, and the host is told.
    jenkins.ends_with("FAILURE");
    let commit = team.moves("page 4");
    team.dies_at("build.job_started", &commit).await;
    let build = &team.ended().await[0];
    assert_eq!(build["state"], "failed", "{build}");
    assert!(build["reason"].as_str().unwrap().contains("Jenkins says FAILURE"), "{build}");
    assert_eq!(jenkins.runs().len(), 4);
    team.knows(&commit, "failure").await;
}
