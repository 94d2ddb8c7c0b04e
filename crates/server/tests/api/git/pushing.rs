//! What people do with a remote.

use launcher_scheduler::fake::{BuildScript, StepScript};
use launcher_testkit::Checkout;
use serde_json::json;

use super::{Remote, checkout, word};
use crate::world::eventually;

#[tokio::test(flavor = "multi_thread")]
async fn a_push_is_built_and_told() {
    let remote = Remote::open().await;
    remote.world.fake.script_builds(BuildScript {
        build: StepScript::new().prints("Step 1/2 : FROM scratch").prints("\u{1b}[31mred\u{7}"),
        ..BuildScript::default()
    });
    let checkout = checkout("one");
    let told = checkout.push(&[&remote.url("shop"), "main"]).taken();
    for words in [
        "remote: ==> source",
        "remote:     Step 1/2 : FROM scratch",
        "remote:     red",
        "remote: v1 of shop is ready: http://v1.shop.localhost:8080",
        "remote: make it live: launcher deploy shop v1",
        "main -> main",
    ] {
        assert!(told.contains(words), "{words:?} is missing in:\n{told}");
    }
    let build = &remote.ended().await[0];
    assert_eq!((word(&build["state"]), &build["version"]), ("passed", &json!(1)));
    assert_eq!(word(&build["commit"]), checkout.git(&["rev-parse", "HEAD"]).trim());
    // What was built is what was pushed, and nothing else.
    let built = remote.world.fake.built();
    let mut archive = tar::Archive::new(&built[0].context[..]);
    let names = archive.entries().unwrap().map(|entry| {
        entry.unwrap().path().unwrap().to_string_lossy().trim_end_matches('/').to_owned()
    });
    let names: Vec<_> = names.filter(|name| name != "pax_global_header").collect();
    assert_eq!(names, ["Dockerfile", "launcher.toml", "page"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_pushed_can_be_cloned_and_fetched() {
    let remote = Remote::open().await;
    let checkout = checkout("one");
    let _ = checkout.push(&[&remote.url("shop"), "main"]).taken();
    for version in ["0", "2"] {
        let protocol = format!("protocol.version={version}");
        let other = Checkout::new();
        other.git(&["-c", &protocol, "pull", "--quiet", &remote.url("shop"), "main"]);
        assert_eq!(std::fs::read_to_string(other.path().join("page")).unwrap(), "one");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn branches_that_nobody_wants_built_are_kept() {
    let remote = Remote::open().await;
    let checkout = checkout("one");
    let told = checkout.push(&[&remote.url("shop"), "main:feature/login"]).taken();
    assert!(
        told.contains("feature/login is kept, and not built: shop builds main alone"),
        "{told}"
    );
    assert!(remote.builds().await.is_empty());
    assert!(remote.head("feature/login").await.is_some());
    let tagged = checkout.push(&[&remote.url("shop"), "main:refs/tags/one"]).taken();
    assert!(!tagged.contains("build"), "{tagged}");
}

#[tokio::test(flavor = "multi_thread")]
async fn history_may_be_rewritten_and_a_branch_be_deleted() {
    let remote = Remote::with("[branches]\nmatch = [\"*\"]\n").await;
    let checkout = checkout("one");
    let (url, push) = (remote.url("shop"), |arguments: &[&str]| checkout.push(arguments));
    let _ = push(&[&url, "main", "main:other"]).taken();
    checkout.write("page", b"two");
    checkout.git(&["commit", "--quiet", "--all", "--amend", "--message", "Say two"]);
    let refused = push(&[&url, "main"]).refused();
    assert!(refused.contains("non-fast-forward") || refused.contains("rejected"), "{refused}");
    let _ = push(&["--force", &url, "main"]).taken();
    let head = checkout.git(&["rev-parse", "HEAD"]).trim().to_owned();
    assert_eq!(remote.head("main").await.as_ref(), Some(&head));
    assert_eq!(word(&remote.ended().await[0]["commit"]), head);
    let told = push(&[&url, ":other"]).taken();
    assert!(told.contains("other is gone"), "{told}");
    assert_eq!(remote.head("other").await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_push_takes_the_place_of_one_that_waits() {
    let remote = Remote::open().await;
    let slow = BuildScript { build: StepScript::new().hangs(), ..BuildScript::default() };
    remote.world.fake.script_builds(slow);
    let checkout = checkout("one");
    for page in ["one", "two", "three"] {
        checkout.write("page", page.as_bytes());
        checkout.commit(page);
        let told = checkout.push(&["-o", "nowait", &remote.url("shop"), "main"]).taken();
        assert!(told.contains("of main begins"), "{told}");
        eventually("the first being built", async || {
            !remote.world.fake.built().is_empty() || remote.world.fake.steps_under_way() > 0
        })
        .await;
    }
    let builds = remote.builds().await;
    let states: Vec<_> = builds.iter().map(|build| word(&build["state"])).collect();
    assert_eq!(states, ["queued", "superseded", "running"]);
    assert!(word(&builds[1]["reason"]).contains("build 3"), "{builds:?}");
    remote.world.fake.script_builds(BuildScript::default());
    let path = format!("/api/v1/builds/{}/cancel", builds[2]["id"]);
    remote.world.call("POST", &path, None).await.is(200);
    let states = |builds: Vec<serde_json::Value>| {
        builds.iter().map(|build| word(&build["state"]).to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(states(remote.ended().await), ["passed", "superseded", "cancelled"]);
    eventually("nothing being under way", async || remote.world.fake.steps_under_way() == 0).await;
    // Once more, as it was.
    let path = format!("/api/v1/builds/{}/retry", builds[2]["id"]);
    let again = remote.world.call("POST", &path, None).await.is(202).json();
    assert_eq!((&again["id"], &again["commit"]), (&json!(4), &builds[2]["commit"]));
    assert_eq!(states(remote.ended().await), ["passed", "passed", "superseded", "cancelled"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_without_a_client_goes_on() {
    let remote = Remote::open().await;
    let slow = BuildScript { build: StepScript::new().hangs(), ..BuildScript::default() };
    remote.world.fake.script_builds(slow);
    let checkout = checkout("one");
    let mut push = checkout.command(&["push", &remote.url("shop"), "main"]);
    let mut push = push.stderr(std::process::Stdio::null()).spawn().unwrap();
    eventually("it being built", async || remote.world.fake.steps_under_way() > 0).await;
    push.kill().unwrap();
    push.wait().unwrap();
    let build = &remote.builds().await[0];
    assert_eq!(word(&build["state"]), "running");
    let path = format!("/api/v1/builds/{}/cancel", build["id"]);
    remote.world.call("POST", &path, None).await.is(200);
    assert_eq!(word(&remote.ended().await[0]["reason"]), "cancelled by mika");
    // A person who asks later reads the whole log.
    let log = remote.world.get(&format!("/api/v1/builds/{}/log", build["id"])).await.is(200).text();
    for words in ["\"step\":\"build\"", "cancelled by mika", "event: end"] {
        assert!(log.contains(words), "{words:?} is missing in:\n{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_make_no_sense_fail_the_build_with_their_line() {
    let remote = Remote::open().await;
    let checkout = checkout("one");
    checkout.append("launcher.toml", "[helth]\n");
    checkout.commit("Slip");
    let told = checkout.push(&[&remote.url("shop"), "main"]).taken();
    assert!(told.contains("launcher.toml:10:2: unknown field `helth`"), "{told}");
    let other = self::checkout("one");
    other.write("launcher.toml", super::settings().replace("shop", "blog").as_bytes());
    other.commit("Another service");
    let told = other.push(&["--force", &remote.url("shop"), "main"]).taken();
    assert!(told.contains("push to blog.git"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_in_a_file_is_told_in_one_line_that_names_it() {
    let remote = Remote::open().await;
    let checkout = checkout("one");
    let large = format!("{}# {}\n", super::settings(), "x".repeat(300 << 10));
    for (text, words) in [
        (super::settings() + "[nonsense]\n", "source failed: launcher.toml:"),
        (large, "source failed: launcher.toml is larger than 256 KiB; make it shorter"),
    ] {
        checkout.write("launcher.toml", text.as_bytes());
        checkout.commit("Write nonsense");
        let told = checkout.push(&[&remote.url("shop"), "main"]).taken();
        let build = &remote.ended().await[0];
        let reason = word(&build["reason"]);
        assert!(reason.starts_with(words) && !reason.contains('\n'), "{reason:?}");
        let line = format!("remote: build {}: {reason}", build["id"]);
        assert_eq!(told.matches(&line).count(), 1, "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn much_that_has_come_in_is_packed() {
    let remote = Remote::open().await;
    assert_eq!(remote.head("main").await, None);
    let repository = remote.world.folder.join("git/shop.git");
    // As after many pushes: each object is a file of its own.
    let config = ["-C", repository.to_str().unwrap(), "config", "receive.unpackLimit", "100000"];
    let checkout = checkout("one");
    checkout.git(&config);
    for number in 0..4000 {
        checkout.write(&format!("many/{number}"), number.to_string().as_bytes());
    }
    checkout.commit("Many");
    let _ = checkout.push(&[&remote.url("shop"), "main"]).taken();
    eventually("it being packed", async || {
        let packs = std::fs::read_dir(repository.join("objects/pack")).unwrap();
        packs.count() > 0 && !repository.join("gc.pid").exists()
    })
    .await;
    // Nothing of it is lost.
    std::fs::write(checkout.path().join("page"), "two").unwrap();
    checkout.commit("Say two");
    let told = checkout.push(&[&remote.url("shop"), "main"]).taken();
    assert!(told.contains("v2 of shop is ready"), "{told}");
}
