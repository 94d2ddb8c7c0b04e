//! What is built of what a host tells.

use launcher_scheduler::fake::{BuildScript, StepScript};
use launcher_testkit::Checkout;
use launcher_testkit::code_host::payloads::{self, NONE};
use launcher_testkit::code_host::{Host, Mood, TOKEN};
use serde_json::json;

use super::{HOSTS, SECRET, Team, eventually, word};
use launcher_model::service::CodeHost;

#[tokio::test(flavor = "multi_thread")]
async fn a_push_is_fetched_built_and_told() {
    for kind in HOSTS {
        let team = Team::on(kind).await;
        let commit = team.pushes("two").await;
        let build = &team.ended().await[0];
        assert_eq!((word(&build["state"]), word(&build["origin"])), ("passed", "hook"), "{build}");
        assert_eq!((word(&build["commit"]), &build["version"]), (commit.as_str(), &json!(1)));
        assert_eq!(word(&build["by"]), format!("mika ({})", kind.name()));
        let status = team.knows(&commit, "success").await;
        assert_eq!(word(&status["target_url"]), "http://v1.shop.localhost:8080");
        assert_eq!(word(&status["description"]), "v1 is ready");
        let name = if kind == CodeHost::Gitlab { "name" } else { "context" };
        assert_eq!(word(&status[name]), "launcher");
        // What was built is what was pushed.
        let built = team.world.fake.built();
        let mut archive = tar::Archive::new(&built[0].context[..]);
        let mut page = String::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            if entry.path().unwrap().ends_with("page") {
                std::io::Read::read_to_string(&mut entry, &mut page).unwrap();
            }
        }
        assert_eq!(page, "two");
        // What opens the host is told to nobody.
        let told = team.log(build).await + &team.world.kept().await;
        assert!(told.contains("fetching main from") && !told.contains(TOKEN), "{told}");
        assert!(!team.world.database_has(TOKEN) && !team.world.database_has(SECRET));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_again_is_done_once() {
    for kind in HOSTS {
        let team = Team::on(kind).await;
        let commit = team.host.takes(&team.checkout, "main");
        let told = payloads::push(kind, &team.host.base, "main", NONE, &commit).to_string();
        let mut headers = payloads::signed(kind, SECRET, told.as_bytes());
        let answer = team.delivers("shop", &headers, told.clone()).await.is(202).json();
        assert_eq!(answer["build"], 1);
        for round in 0..3 {
            // What is not signed may be another one.
            if kind != CodeHost::Gitlab {
                headers[0].1 = format!("another-{round}");
            }
            let again = team.delivers("shop", &headers, told.clone()).await.is(200).json();
            assert_eq!(again, json!({ "note": "this was told before" }));
        }
        assert_eq!(team.ended().await.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_that_moved_on_is_built_as_it_is() {
    let team = Team::on(CodeHost::Github).await;
    let old = team.host.takes(&team.checkout, "main");
    team.checkout.write("page", b"newer");
    team.checkout.commit("Say newer");
    let new = team.host.takes(&team.checkout, "main");
    team.tells("main", NONE, &old).await.is(202);
    eventually("the newer one being built", async || team.builds().await.len() == 2).await;
    let builds = team.ended().await;
    assert_eq!((word(&builds[0]["commit"]), word(&builds[0]["state"])), (new.as_str(), "passed"));
    assert_eq!(word(&builds[1]["state"]), "superseded");
    assert!(word(&builds[1]["reason"]).starts_with("main is at "), "{builds:?}");
    team.knows(&old, "error").await;
    team.knows(&new, "success").await;
    // Somebody who kept an old message, and could sign it, brings no old state back.
    let mut kept = payloads::push(CodeHost::Github, &team.host.base, "main", NONE, &old);
    kept["repository"]["pushed_at"] = json!(1);
    team.sends(&kept).await.is(202);
    let builds = team.ended().await;
    assert_eq!((builds.len(), word(&builds[0]["state"])), (3, "superseded"));
    assert_eq!(builds.iter().filter(|build| build["version"].is_number()).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_away_fails_the_build_until_it_is_retried() {
    let team = Team::on(CodeHost::Gitea).await;
    let commit = team.host.takes(&team.checkout, "main");
    team.host.is(Mood::Unwell);
    team.tells("main", NONE, &commit).await.is(202);
    let build = &team.ended().await[0];
    assert_eq!(word(&build["state"]), "failed");
    assert!(word(&build["reason"]).contains("cannot be fetched"), "{build}");
    team.host.is(Mood::Well);
    team.world.call("POST", "/api/v1/builds/1/retry", None).await.is(202);
    assert_eq!(word(&team.ended().await[0]["state"]), "passed");
    team.knows(&commit, "success").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_fetched_is_explained_and_tells_no_secret() {
    let team = Team::on(CodeHost::Github).await;
    let other = Host::open(CodeHost::Github).await;
    let commit = team.host.takes(&team.checkout, "main");
    let wrong = "tok-that-is-wrong";
    for (token, to, branch, words) in [
        (wrong, None, "main", "is the token in the secret shop/token still valid?"),
        (TOKEN, Some(&other.base), "main", "has moved; correct [source] url"),
    ] {
        team.secret("shop/token", token).await;
        if let Some(to) = to {
            team.host.leads_to(to);
        }
        let mut told = payloads::push(CodeHost::Github, &team.host.base, branch, NONE, &commit);
        told["compare"] = json!(words);
        team.sends(&told).await.is(202);
        let build = &team.ended().await[0];
        assert!(word(&build["reason"]).contains(words), "{build}");
        let all = team.log(build).await + &build.to_string();
        assert!(!all.contains(token), "{all}");
    }
    // Nobody was followed elsewhere.
    assert_eq!(other.asked(), Vec::<String>::new());
    team.host.is(Mood::Well);
    let unset = team.world.call("DELETE", "/api/v1/secrets/shop%2Ftoken", None).await;
    assert!(unset.status.is_success());
    team.world.call("POST", "/api/v1/builds/1/retry", None).await.is(202);
    let build = &team.ended().await[0];
    assert!(word(&build["reason"]).contains("`launcher secret set shop/token`"), "{build}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_is_believed_when_the_branch_is_gone() {
    let team = Team::with(CodeHost::Github, "[branches]\nmatch = [\"*\"]\n").await;
    let commit = team.host.takes(&team.checkout, "feature/login");
    let slow = BuildScript { build: StepScript::new().hangs(), ..BuildScript::default() };
    team.world.fake.script_builds(slow);
    team.tells("feature/login", NONE, &commit).await.is(202);
    eventually("it being built", async || team.world.fake.steps_under_way() > 0).await;
    let answer = team.tells("feature/login", &commit, NONE).await.is(200).json();
    assert_eq!(answer["note"], "feature/login is still there");
    assert_eq!(word(&team.builds().await[0]["state"]), "running");
    let _ = team.checkout.push(&[&team.host.repository(), ":refs/heads/feature/login"]).taken();
    team.host.is(Mood::Unwell);
    let answer = team.tells("feature/login", &commit, NONE).await;
    let problem = answer.tells(503, "later");
    assert!(word(&problem["detail"]).contains("have the host send it again"), "{problem}");
    team.host.is(Mood::Well);
    let answer = team.tells("feature/login", &commit, NONE).await.is(200).json();
    assert_eq!(answer["note"], "feature/login is gone");
    assert_eq!(word(&team.ended().await[0]["reason"]), "cancelled by mika (GitHub)");
    let shop = launcher_model::ServiceName::new("shop").unwrap();
    let repository = team.world.app.builds.repository(&shop).await.unwrap();
    let head = launcher_build::git::head_of(&repository, "feature/login").await.unwrap();
    assert_eq!(head, None);
    team.knows(&commit, "error").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_concerns_no_build_is_answered_politely() {
    let team = Team::on(CodeHost::Github).await;
    let commit = team.host.takes(&team.checkout, "main");
    let push = |reference: &str| {
        let mut told = payloads::push(CodeHost::Github, &team.host.base, "x", NONE, &commit);
        told["ref"] = json!(reference);
        told
    };
    let mut elsewhere = push("refs/heads/main");
    elsewhere["repository"]["full_name"] = json!("acme/other");
    for (event, told, note) in [
        ("ping", json!({ "zen": "Design for failure.", "hook_id": 1 }), "the webhook works"),
        ("pull_request", json!({ "action": "opened" }), "pull requests are not built"),
        ("issues", json!({ "action": "opened" }), "issues is not a push"),
        ("push", push("refs/tags/v1"), "only branches are built"),
        ("push", push("refs/heads/feature/x"), "feature/x is not built: shop builds main alone"),
        ("push", elsewhere, "it is of the repository acme/other"),
    ] {
        let body = told.to_string();
        let mut headers = payloads::signed(CodeHost::Github, SECRET, body.as_bytes());
        headers[1].1 = event.to_owned();
        let answer = team.delivers("shop", &headers, body).await.is(200).json();
        assert!(word(&answer["note"]).starts_with(note), "{event}: {answer}");
    }
    assert!(team.builds().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_host_harms_nothing() {
    // A repository with a tree that no honest git makes: `.git` as the name of a file in it.
    let team = Team::on(CodeHost::Github).await;
    let evil = Checkout::new();
    evil.write("launcher.toml", b"x");
    evil.commit("One");
    let blob = evil.git(&["rev-parse", "HEAD:launcher.toml"]).trim().to_owned();
    let mut raw = b"100644 .git\0".to_vec();
    let byte = |at: usize| u8::from_str_radix(&blob[at..at + 2], 16).unwrap();
    raw.extend((0..40).step_by(2).map(byte));
    evil.write("raw", &raw);
    let tree = evil.git(&["hash-object", "-t", "tree", "-w", "--literally", "raw"]);
    let commit = evil.git(&["commit-tree", "-m", "Evil", tree.trim()]).trim().to_owned();
    evil.git(&["update-ref", "refs/heads/main", &commit]);
    let _ = evil.push(&[&team.host.repository(), &format!("{commit}:refs/heads/main")]).taken();
    team.tells("main", NONE, &commit).await.is(202);
    let build = &team.ended().await[0];
    assert_eq!(word(&build["state"]), "failed", "{build}");
    assert!(word(&build["reason"]).contains("cannot be fetched"), "{build}");
    let shop = launcher_model::ServiceName::new("shop").unwrap();
    let repository = team.world.app.builds.repository(&shop).await.unwrap();
    let head = launcher_build::git::head_of(&repository, "main").await.unwrap();
    assert_eq!(head, None);
}
