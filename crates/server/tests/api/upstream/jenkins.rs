//! Jenkins: jobs that are started from here, and what its Notification plugin tells.

use axum::body::Body;
use axum::http::Request;
use launcher_testkit::Checkout;
use launcher_testkit::jenkins::{Jenkins, TOKEN};
use serde_json::{Value, json};

use crate::git::{Remote, checkout, settings, word};
use crate::world::{Answer, eventually};

struct Team {
    remote: Remote,
    jenkins: Jenkins,
    checkout: Checkout,
}

impl Team {
    async fn with(crumbs: bool, more: &str) -> Self {
        let jenkins = Jenkins::open(crumbs).await;
        let section = format!(
            "[jenkins]\nurl = \"{}/\"\njob = \"web/shop\"\nuser = \"launcher\"\n\
             token = \"shop/jenkins-token\"\nparameters.TARGET = \"stage & more\"\n{more}",
            jenkins.base
        );
        let image = "image = \"registry.example.com/shop\"\nbuild = \".\"\n";
        let text = settings().replace("build = \".\"\n", image) + &section;
        let remote = Remote::open().await;
        let spec = launcher_model::service::read("launcher.toml", &text).unwrap();
        let body = serde_json::to_value(&spec).unwrap();
        let put = remote.world.call("PUT", "/api/v1/services/shop", body).await;
        assert!(put.status.is_success(), "{}", put.text());
        let path = "/api/v1/secrets/shop%2Fjenkins-token";
        let set = remote.world.call("PUT", path, json!({ "value": TOKEN })).await;
        assert!(set.status.is_success(), "{}", set.text());
        let checkout = checkout("one");
        checkout.write("launcher.toml", text.as_bytes());
        checkout.commit("Have Jenkins build");
        Self { remote, jenkins, checkout }
    }

    /// Pushes, and does not wait.
    fn push(&self) -> String {
        self.checkout.push(&["-o", "nowait", &self.remote.url("shop"), "main"]).taken()
    }

    async fn log(&self, build: &Value) -> String {
        let path = format!("/api/v1/builds/{}/log", build["id"]);
        self.remote.world.get(&path).await.is(200).text()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_runs_the_job_and_launches_what_it_pushed() {
    for crumbs in [true, false] {
        let team = Team::with(crumbs, "").await;
        team.jenkins.ends_with("SUCCESS");
        let told = team.checkout.push(&[&team.remote.url("shop"), "main"]).taken();
        let commit = team.checkout.git(&["rev-parse", "HEAD"]).trim().to_owned();
        for words in [
            "Jenkins: Waiting for next available executor",
            "/ci/job/web/job/shop/1/",
            "+ docker build .",
            "Finished",
            "v1 of shop is ready",
        ] {
            assert!(told.contains(words), "{words:?} is missing in:\n{told}");
        }
        assert!(!told.contains("jenkins.invalid") && !told.contains(TOKEN), "{told}");
        let runs = team.jenkins.runs();
        assert_eq!(runs.len(), 1);
        for (name, value) in [
            ("LAUNCHER_BUILD", format!("shop 1 {commit}")),
            ("LAUNCHER_COMMIT", commit.clone()),
            ("LAUNCHER_BRANCH", "main".to_owned()),
            ("TARGET", "stage & more".to_owned()),
        ] {
            assert_eq!(runs[0].parameters.get(name), Some(&value), "{name}");
        }
        // Nothing was built here.
        assert!(team.remote.world.fake.built().is_empty());
        let version = team.remote.world.get("/api/v1/services/shop/versions/1").await.is(200);
        let image = format!("registry.example.com/shop:{commit}");
        assert!(version.text().contains(&image), "{}", version.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_fails_or_is_refused_is_explained() {
    let team = Team::with(true, "").await;
    team.jenkins.ends_with("FAILURE");
    team.push();
    let build = &team.remote.ended().await[0];
    assert!(word(&build["reason"]).starts_with("build failed: Jenkins says FAILURE; see http"));
    assert!(team.log(build).await.contains("+ docker build ."));
    let path = "/api/v1/secrets/shop%2Fjenkins-token";
    team.remote.world.call("PUT", path, json!({ "value": "wrong-token" })).await;
    team.remote.world.call("POST", "/api/v1/builds/1/retry", None).await.is(202);
    let build = &team.remote.ended().await[0];
    assert!(
        word(&build["reason"]).contains("is the API token of [jenkins] still valid"),
        "{build}"
    );
    assert!(!(build.to_string() + &team.log(build).await).contains("wrong-token"));
    assert_eq!(team.jenkins.runs().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_a_build_stops_its_job() {
    let team = Team::with(true, "").await;
    team.push();
    eventually("the job being told", async || {
        let build = &team.remote.builds().await[0];
        let kept = team.remote.world.app.store.build_job(launcher_model::BuildId(1)).await.unwrap();
        word(&build["state"]) == "running" && kept.as_deref() == Some("run 1")
    })
    .await;
    // It may be away for a moment.
    team.jenkins.is_away(true);
    tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    assert_eq!(word(&team.remote.builds().await[0]["state"]), "running");
    team.jenkins.is_away(false);
    team.remote.world.call("POST", "/api/v1/builds/1/cancel", None).await.is(200);
    eventually("the job being stopped", async || {
        team.jenkins.runs()[0].result.as_deref() == Some("ABORTED")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_a_build_stops_a_job_of_which_nobody_has_heard_yet() {
    let team = Team::with(true, "").await;
    team.jenkins.is_slow(true);
    team.push();
    eventually("the job being started", async || team.jenkins.runs().len() == 1).await;
    let kept = team.remote.world.app.store.build_job(launcher_model::BuildId(1)).await.unwrap();
    assert_eq!(kept, None);
    team.remote.world.call("POST", "/api/v1/builds/1/cancel", None).await.is(200);
    eventually("the job being taken out of the queue", async || {
        team.jenkins.runs()[0].result.as_deref() == Some("ABORTED")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_takes_too_long_is_stopped() {
    let team = Team::with(true, "timeout = \"2s\"\n").await;
    team.push();
    let build = &team.remote.ended().await[0];
    assert!(word(&build["reason"]).contains("[jenkins] timeout = \"2s\""), "{build}");
    assert_eq!(team.jenkins.runs()[0].result.as_deref(), Some("ABORTED"));
}

/// The example of the Notification plugin's page, with another job in it.
fn notification(phase: &str, status: &str, number: u64) -> Value {
    json!({
        "name": "shop",
        "url": "job/shop/",
        "build": {
            "full_url": format!("http://localhost:8080/job/shop/{number}/"),
            "number": number, "phase": phase, "status": status,
            "url": format!("job/shop/{number}/"),
            "scm": {
                "url": "https://github.com/acme/shop.git", "branch": "origin/main",
                "commit": "c6d86dc654b12425e706bcf951adfe5a8627a517"
            },
            "artifacts": {}
        }
    })
}

async fn notify(remote: &Remote, query: &str, header: Option<&str>, told: &Value) -> Answer {
    let mut request = Request::post(format!("/api/v1/hooks/jenkins/shop{query}"));
    if let Some(value) = header {
        request = request.header("authorization", value);
    }
    remote.world.send(request.body(Body::from(told.to_string())).unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_job_has_pushed_is_launched_when_it_tells_so() {
    let remote = Remote::open().await;
    let with_token = format!("?token={}", remote.world.token);
    let told = notification("FINALIZED", "SUCCESS", 18);
    // Nobody says yet where its images are.
    notify(&remote, &with_token, None, &told).await.tells(422, "invalid");
    let text = settings().replace("build = \".\"\n", "image = \"registry.example.com/shop\"\n");
    let spec = launcher_model::service::read("launcher.toml", &text).unwrap();
    let body = serde_json::to_value(&spec).unwrap();
    remote.world.call("PUT", "/api/v1/services/shop", body).await;
    for (query, header) in
        [("", None), ("?token=", None), ("?token=rl_x", None), ("", Some("Bearer x"))]
    {
        notify(&remote, query, header, &told).await.tells(401, "unauthorized");
    }
    for (phase, status, note) in [
        ("QUEUED", "SUCCESS", "it is QUEUED"),
        ("STARTED", "SUCCESS", "it is STARTED"),
        ("COMPLETED", "SUCCESS", "it is COMPLETED"),
        ("FINALIZED", "FAILURE", "it ended with FAILURE"),
    ] {
        let told = notification(phase, status, 18);
        let answer = notify(&remote, &with_token, None, &told).await.is(200).json();
        assert!(word(&answer["note"]).starts_with(note), "{answer}");
    }
    assert!(remote.builds().await.is_empty());
    notify(&remote, &with_token, None, &told).await.is(202);
    notify(&remote, &with_token, None, &told).await.is(200);
    let build = &remote.ended().await[0];
    assert_eq!((word(&build["state"]), word(&build["branch"])), ("passed", "main"), "{build}");
    assert_eq!(word(&build["by"]), "mika (Jenkins)");
    // A job may say itself what it has pushed.
    let mut told = notification("FINALIZED", "SUCCESS", 19);
    told["build"]["parameters"] = json!({ "LAUNCHER_IMAGE": "registry.example.com/shop:19" });
    let bearer = format!("Bearer {}", remote.world.token);
    notify(&remote, "", Some(&bearer), &told).await.is(202);
    let builds = remote.ended().await;
    assert_eq!((builds.len(), &builds[0]["version"]), (2, &json!(2)));
    let version = remote.world.get("/api/v1/services/shop/versions/2").await.is(200).text();
    assert!(version.contains("registry.example.com/shop:19"), "{version}");
    // Once more, with the same image.
    remote.world.call("POST", "/api/v1/builds/2/retry", None).await.is(202);
    assert_eq!(remote.ended().await[0]["version"], json!(3));
    let version = remote.world.get("/api/v1/services/shop/versions/3").await.is(200).text();
    assert!(version.contains("registry.example.com/shop:19"), "{version}");
    for told in [json!([]), json!({}), json!({ "name": "shop", "build": { "number": 1 } })] {
        notify(&remote, &with_token, None, &told).await.tells(400, "malformed");
    }
}
