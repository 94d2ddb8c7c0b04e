//! What hosts are told of builds.

use launcher_model::service::CodeHost;
use launcher_scheduler::fake::{BuildScript, StepScript};
use launcher_store::EventFilter;
use launcher_testkit::assemble::PAGES;
use launcher_testkit::code_host::Mood;

use super::{HOSTS, Team, eventually, word};

#[tokio::test(flavor = "multi_thread")]
async fn a_build_is_told_while_it_runs_and_when_it_fails() {
    for kind in HOSTS {
        let team = Team::on(kind).await;
        let slow = BuildScript { build: StepScript::new().hangs(), ..BuildScript::default() };
        team.world.fake.script_builds(slow);
        let commit = team.pushes("two").await;
        let running = if kind == CodeHost::Gitlab { "running" } else { "pending" };
        eventually("the host knowing that it runs", async || {
            let statuses = team.host.statuses(&commit);
            statuses.last().is_some_and(|it| {
                it["state"] == running && it["description"] == "build 1 is under way"
            })
        })
        .await;
        team.world.call("POST", "/api/v1/builds/1/cancel", None).await.is(200);
        let state = if kind == CodeHost::Gitlab { "canceled" } else { "error" };
        assert_eq!(team.knows(&commit, state).await["description"], "cancelled by mika");
        let fails = StepScript::new().prints("no space left").fails("the disk is full");
        team.world.fake.script_builds(BuildScript { build: fails, ..BuildScript::default() });
        team.world.call("POST", "/api/v1/builds/1/retry", None).await.is(202);
        let state = if kind == CodeHost::Gitlab { "failed" } else { "failure" };
        let status = team.knows(&commit, state).await;
        assert!(word(&status["description"]).starts_with("build failed: "), "{status}");
        assert_eq!(
            status["target_url"],
            format!("{PAGES}/builds/2"),
            "it leads to what went wrong"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_away_is_told_the_newest_later() {
    let team = Team::on(CodeHost::Github).await;
    // It serves the repository; where its API is said to be, nobody is.
    let away = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}/api/v3", away.local_addr().unwrap());
    drop(away);
    let put = async |api: &str| {
        let path = "/api/v1/services/shop";
        let mut spec = team.world.get(path).await.is(200).json()["spec"].clone();
        spec["source"]["api"] = api.into();
        team.world.call("PUT", path, spec).await;
    };
    let text = std::fs::read_to_string(team.checkout.path().join("launcher.toml")).unwrap();
    team.checkout.write(
        "launcher.toml",
        text.replace("[source]\n", &format!("[source]\napi = {nobody:?}\n")).as_bytes(),
    );
    team.checkout.commit("Say where nobody is");
    put(&nobody).await;
    let commit = team.pushes("two").await;
    assert_eq!(word(&team.ended().await[0]["state"]), "passed");
    assert!(team.host.statuses(&commit).is_empty());
    assert_eq!(team.world.app.store.unreported_builds().await.unwrap().len(), 1);
    put(&format!("{}/api/v3", team.host.base)).await;
    team.knows(&commit, "success").await;
    // What was while it was away is not told any more.
    assert_eq!(team.host.statuses(&commit).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_refuses_is_asked_once_and_one_event_says_so() {
    let team = Team::on(CodeHost::Github).await;
    team.host.is(Mood::Refusing);
    let commit = team.pushes("two").await;
    assert_eq!(word(&team.ended().await[0]["state"]), "passed");
    let unreported = async || team.world.app.store.unreported_builds().await.unwrap().len();
    eventually("nothing being left to tell", async || unreported().await == 0).await;
    let all = EventFilter { after: Some(0), limit: 1000, ..EventFilter::default() };
    let events = team.world.app.store.events(&all).await.unwrap();
    let told: Vec<_> = events.iter().filter(|it| it.text.contains("is not told")).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    for words in ["GitHub refused with 404", "read and write access", "build 1"] {
        assert!(told[0].text.contains(words), "{told:?}");
    }
    assert!(team.host.statuses(&commit).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_nothing_is_told() {
    let team = Team::on(CodeHost::Gitea).await;
    let path = "/api/v1/services/shop";
    let mut spec = team.world.get(path).await.is(200).json()["spec"].clone();
    spec["source"].as_object_mut().unwrap().remove("token");
    assert!(team.world.call("PUT", path, spec).await.status.is_success());
    let commit = team.pushes("two").await;
    let build = &team.ended().await[0];
    // This host wants one for fetching.
    assert!(word(&build["reason"]).contains("[source] token"), "{build}");
    let unreported = async || team.world.app.store.unreported_builds().await.unwrap().len();
    eventually("nothing being left to tell", async || unreported().await == 0).await;
    assert!(team.host.statuses(&commit).is_empty());
}
