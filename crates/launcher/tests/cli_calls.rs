//! How the command line calls a server: what it sends again and what it does not, what it follows, and
//! how it ends.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod cli_support;

use axum::response::Response;
use cli_support::{Call, Stub, answer, events, nowhere, problem, run, unexpected, version};
use serde_json::json;

const VERSIONS: &str = "/api/v1/services/shop/versions";

#[tokio::test]
async fn a_change_whose_answer_is_lost_is_sent_again_under_the_same_key() {
    let stub = Stub::start(|_, _| answer(202, &version(3, "creating"))).await;
    let line = stub.behind_bad_line(2).await;
    let ran = run(&line, &["launch", "shop", "--image", ":1.2", "--branch", "main"]).await;
    assert_eq!(
        (ran.status, ran.stdout.as_str()),
        (0, "v3 http://v3.shop.localhost:8080\n"),
        "{ran:?}"
    );
    let calls = stub.calls();
    assert_eq!(calls.len(), 3);
    let key = calls[0].header("idempotency-key");
    assert_eq!(key.len(), 32);
    for call in &calls {
        assert_eq!(call.line, format!("POST {VERSIONS}"));
        assert_eq!(call.header("idempotency-key"), key);
        assert_eq!(call.header("authorization"), "Bearer of-the-test");
        assert_eq!(call.json(), json!({ "image": ":1.2", "branch": "main" }));
    }
    let again = run(&stub.url, &["launch", "shop"]).await;
    assert_eq!(again.status, 0);
    assert_ne!(stub.calls()[3].header("idempotency-key"), key, "each call has a key of its own");
}

#[tokio::test]
async fn a_change_that_is_still_under_way_is_asked_after_until_it_is_answered() {
    let stub = Stub::start(|_, before| match before {
        0 | 1 => problem(409, "idempotency", "the same call is under way"),
        _ => answer(200, &json!({ "outcome": "unchanged", "changes": [] })),
    });
    let stub = stub.await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("launcher.toml");
    std::fs::write(&file, "[service]\nname = \"shop\"\nport = 80\n").unwrap();
    let ran = run(&stub.url, &["apply", "-f", file.to_str().unwrap()]).await;
    assert_eq!((ran.status, ran.stdout.as_str()), (0, "shop: nothing changes\n"), "{ran:?}");
    assert_eq!(stub.lines(), ["PUT /api/v1/services/shop"; 3]);
}

#[tokio::test]
async fn secrets_that_are_missing_are_told_when_a_service_is_applied() {
    let unset = "the secret shop/logins (for the login of previews) is not set; \
                 set it with `launcher secret set shop/logins`";
    let stub = Stub::start(move |_, _| {
        answer(200, &json!({ "outcome": "unchanged", "changes": [], "unset_secrets": [unset] }))
    });
    let stub = stub.await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("launcher.toml");
    let text = "[service]\nname = \"shop\"\nport = 80\n[previews]\nlogin = \"shop/logins\"\n";
    std::fs::write(&file, text).unwrap();
    let ran = run(&stub.url, &["apply", "-f", file.to_str().unwrap()]).await;
    assert_eq!((ran.status, ran.stdout.as_str()), (0, "shop: nothing changes\n"), "{ran:?}");
    assert!(ran.stderr.contains(unset), "{ran:?}");
    assert_eq!(stub.calls()[0].json()["previews"]["login"], "shop/logins");
}

#[tokio::test]
async fn a_service_is_changed_only_as_it_was_seen_when_that_is_said() {
    let seen = "2026-11-30T12:00:00.25Z";
    let stub = Stub::start(move |call, _| match call.line.contains("dry_run") {
        true => answer(200, &json!({ "outcome": "changed", "changes": [], "changed_at": seen })),
        false => problem(412, "changed", "the settings of shop were changed since you looked"),
    });
    let stub = stub.await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("launcher.toml");
    std::fs::write(&file, "[service]\nname = \"shop\"\nport = 80\n").unwrap();
    let file = file.to_str().unwrap();
    let looked = run(&stub.url, &["apply", "-f", file, "--dry-run"]).await;
    assert_eq!(looked.status, 0, "{looked:?}");
    assert!(looked.stderr.contains(&format!("--seen {seen} instead of --dry-run")), "{looked:?}");
    let refused = run(&stub.url, &["apply", "-f", file, "--seen", seen]).await;
    assert_eq!(refused.status, 1);
    assert!(refused.stderr.contains("were changed since"), "{refused:?}");
    let calls = stub.calls();
    assert_eq!(calls[1].header("if-match"), format!("{seen:?}"));
}

#[tokio::test]
async fn a_command_is_never_begun_twice() {
    let stub = Stub::start(|_, _| events(&[("exit", 0, json!({ "code": 0 }))])).await;
    let line = stub.behind_bad_line(1).await;
    let ran = run(&line, &["exec", "shop", "3", "--", "rm", "file"]).await;
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.starts_with("error: the connection to"), "{ran:?}");
    assert_eq!(stub.calls().len(), 1);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let url = nowhere().await;
    let ran = run(&url, &["services"]).await;
    assert_eq!((ran.status, ran.stdout.as_str()), (1, ""));
    let said = format!("error: no server answers at {url} (Connection refused");
    assert!(ran.stderr.starts_with(&said) && ran.stderr.contains("`launcher up`"), "{ran:?}");
    assert_eq!(ran.stderr.lines().count(), 1);
}

#[tokio::test]
async fn what_the_server_refuses_is_told_in_its_words() {
    let stub =
        Stub::start(|_, _| problem(409, "refused", "v2 is live; deploy another first")).await;
    let ran = run(&stub.url, &["stop", "shop", "v2"]).await;
    assert_eq!((ran.status, ran.stdout.as_str()), (1, ""));
    assert_eq!(ran.stderr, "error: v2 is live; deploy another first\n");
    assert_eq!(stub.lines(), [format!("POST {VERSIONS}/2/stop")]);
    let other = Stub::start(|_, _| Response::new("hello".into())).await;
    let ran = run(&other.url, &["services"]).await;
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.contains("is not a Rocket Launcher server"), "{ran:?}");
}

#[tokio::test]
async fn a_service_is_deleted_only_on_somebody_s_word_and_waited_for() {
    let event = |id, kind: &str, text: &str| {
        let event = json!({ "id": id, "at": "2026-11-24T12:00:00Z", "kind": kind, "service": "shop", "text": text });
        ("event", id, event)
    };
    let stub = Stub::start(move |call, _| {
        let path = call.line.split_once(' ').unwrap().1;
        match (call.line.split(' ').next().unwrap(), call.header("accept")) {
            ("DELETE", _) => answer(202, &json!(null)),
            (_, "text/event-stream") => events(&[
                event(8, "service_deleting", "shop is being deleted"),
                event(9, "service_deleted", "shop was deleted"),
            ]),
            _ if path.starts_with("/api/v1/events") => {
                let (_, _, newest) = event(7, "version_launched", "v1 was launched");
                answer(200, &json!({ "items": [newest], "next": null }))
            }
            _ => {
                let text = include_str!("../src/cli/render/fixtures/services.json");
                answer(200, &serde_json::from_str::<serde_json::Value>(text).unwrap()[0])
            }
        }
    });
    let stub = stub.await;
    let ran = run(&stub.url, &["delete", "shop"]).await;
    assert_eq!(ran.status, 1);
    assert!(
        ran.stderr.contains("with v2, which is live") && ran.stderr.contains("--yes"),
        "{ran:?}"
    );
    assert_eq!(stub.lines(), ["GET /api/v1/services/shop"]);
    let ran = run(&stub.url, &["delete", "shop", "--yes"]).await;
    assert_eq!((ran.status, ran.stdout.as_str()), (0, ""), "{ran:?}");
    assert!(ran.stderr.starts_with("shop is being deleted\nshop is deleted; "), "{ran:?}");
    let lines = stub.lines();
    assert_eq!(lines[3], "DELETE /api/v1/services/shop?destroy=true");
    assert!(lines[4].contains("after=7"), "{lines:?}");
}

#[tokio::test]
async fn a_deployment_tells_what_it_did_and_prints_the_answer_as_json() {
    let stub = Stub::start(|_, _| {
        let text = include_str!("../src/cli/render/fixtures/deployments.json");
        let mut deployed = serde_json::from_str::<serde_json::Value>(text).unwrap()[0].clone();
        deployed["changed"] = json!(true);
        answer(200, &deployed)
    });
    let stub = stub.await;
    let ran = run(&stub.url, &["deploy", "shop", "v2", "--note", "new checkout"]).await;
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "{ran:?}");
    assert!(ran.stdout.contains("switched in 3.2 ms; 1 edge acknowledged"), "{ran:?}");
    assert_eq!(stub.lines(), ["POST /api/v1/services/shop/deployments"]);
    assert_eq!(stub.calls()[0].json(), json!({ "version": 2, "note": "new checkout" }));
    let ran = run(&stub.url, &["rollback", "shop", "--json"]).await;
    let printed: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(printed["receipt"]["switch_us"], 3240);
    assert_eq!(stub.calls()[1].json(), json!({}));
}

#[tokio::test]
async fn a_service_is_taken_offline_by_who_means_it() {
    let stub = Stub::start(|call, _| {
        let text = include_str!("../src/cli/render/fixtures/deployments.json");
        let mut deployed = serde_json::from_str::<serde_json::Value>(text).unwrap()[0].clone();
        let text = include_str!("../src/cli/render/fixtures/outlook.json");
        let mut outlook = serde_json::from_str::<serde_json::Value>(text).unwrap();
        for one in [&mut deployed, &mut outlook] {
            (one["kind"], one["from"], one["to"]) =
                (json!("offline"), json!({ "2": 100 }), json!({}));
        }
        deployed["changed"] = json!(true);
        answer(200, if call.line.starts_with("POST") { &deployed } else { &outlook })
    })
    .await;
    let nobody = run(&stub.url, &["offline", "shop"]).await;
    assert_eq!(nobody.status, 1, "{nobody:?}");
    assert!(nobody.stderr.contains("say that you mean it with --yes"), "{nobody:?}");
    let foreseen = run(&stub.url, &["offline", "shop", "--dry-run"]).await;
    assert!(foreseen.stdout.starts_with("shop: nothing would be live (v2 now)"), "{foreseen:?}");
    assert_eq!(stub.lines(), ["GET /api/v1/services/shop/outlook?kind=offline"; 2]);
    let done = run(&stub.url, &["offline", "shop", "--yes", "--note", "it burns"]).await;
    assert_eq!((done.status, done.stderr.as_str()), (0, ""), "{done:?}");
    assert!(done.stdout.contains("`launcher rollback shop` puts v2 live again"), "{done:?}");
    let call = stub.calls().pop().unwrap();
    assert_eq!(call.line, "POST /api/v1/services/shop/deployments");
    assert_eq!(call.json(), json!({ "offline": true, "note": "it burns" }));
}

#[tokio::test]
async fn a_rollback_is_told_before_it_is_made() {
    let stub = Stub::start(|_, _| {
        let text = include_str!("../src/cli/render/fixtures/outlook.json");
        answer(200, &serde_json::from_str::<serde_json::Value>(text).unwrap())
    })
    .await;
    for named in [&["rollback", "shop", "--dry-run"][..], &["rollback", "shop", "3", "--dry-run"]] {
        let ran = run(&stub.url, named).await;
        assert_eq!(ran.status, 0, "{ran:?}");
        assert!(
            ran.stdout.starts_with("shop: v3 would be live")
                && ran.stderr.contains("nothing was changed")
        );
    }
    let paths = ["outlook?kind=rollback", "versions/3/outlook?back=true"];
    assert_eq!(stub.lines(), paths.map(|path| format!("GET /api/v1/services/shop/{path}")));
}

/// Answers a launch of version 3 that goes through these states, one event after the other.
async fn launching(states: &'static [&'static str]) -> Stub {
    Stub::start(move |call: &Call, before| {
        let at = |step: usize| {
            let mut version = version(3, states[step.min(states.len() - 1)]);
            if version["environment"]["state"] == "failed" {
                version["environment"]["failure"] =
                    json!({ "reason": "container 1 exited with status 1", "log": ["no database"] });
            }
            version
        };
        let event = |id: usize, kind: &str| {
            let text = format!("step {id}");
            let data =
                json!({ "id": id, "at": "2026-11-24T12:00:00Z", "kind": kind, "text": text });
            (kind.to_owned(), id as i64, data)
        };
        let stream = |id: usize, kind: &str| {
            let (kind, id, data) = event(id, kind);
            events(&[(&kind, id, data)])
        };
        match call.line.as_str() {
            line if line == format!("POST {VERSIONS}") => answer(202, &at(0)),
            line if line == format!("GET {VERSIONS}/3") => answer(200, &at(before)),
            // Each stream breaks off behind its only event.
            "GET /api/v1/events?service=shop&version=3&after=0" => stream(7, "version_launched"),
            "GET /api/v1/events?service=shop&version=3&after=7" => stream(8, "environment_ready"),
            _ => unexpected(call),
        }
    })
    .await
}

#[tokio::test]
async fn waiting_follows_the_events_over_a_broken_connection_until_it_is_ready() {
    let stub = launching(&["creating", "creating", "ready"]).await;
    let ran = run(&stub.url, &["launch", "shop", "--image", "shop:3", "--wait"]).await;
    assert_eq!(
        (ran.status, ran.stdout.as_str()),
        (0, "v3 http://v3.shop.localhost:8080\n"),
        "{ran:?}"
    );
    assert!(ran.stderr.contains("step 7\n"), "{ran:?}");
    assert!(ran.stderr.contains("`launcher deploy shop v3` puts it live"), "{ran:?}");
    let streams = stub.calls().into_iter().filter(|call| call.line.contains("/events"));
    assert!(streams.into_iter().all(|call| call.header("accept") == "text/event-stream"));
}

#[tokio::test]
async fn requests_are_held_and_released() {
    let stub = Stub::start(|call, _| match call.line.split_once(' ').unwrap().0 {
        "POST" => answer(200, &json!({ "rested": true })),
        _ => answer(200, &json!({ "requests": 2, "longest_us": 1_250_000, "lapsed": false })),
    })
    .await;
    let ran = run(&stub.url, &["hold", "shop", "--for", "30s"]).await;
    let said = "shop: new requests wait, and all before them are answered; `launcher release shop` lets them go, or 30s\n";
    assert_eq!((ran.status, ran.stdout.as_str()), (0, said), "{ran:?}");
    assert_eq!(stub.calls()[0].json(), json!({ "for": "30s" }));
    let ran = run(&stub.url, &["release", "shop"]).await;
    let said = "shop: 2 requests waited, the longest for 1.2 s\n";
    assert_eq!((ran.status, ran.stdout.as_str()), (0, said), "{ran:?}");
    let hold = "/api/v1/services/shop/hold";
    assert_eq!(stub.lines(), [format!("POST {hold}"), format!("DELETE {hold}")]);
    let ran = run(&stub.url, &["hold", "shop", "--for", "soon"]).await;
    assert_eq!(ran.status, 2, "{ran:?}");
    assert!(ran.stderr.contains("is not a duration"), "{ran:?}");
}

#[tokio::test]
async fn waiting_for_what_fails_tells_the_reason_and_the_last_lines() {
    let stub = launching(&["creating", "failed"]).await;
    let ran = run(&stub.url, &["launch", "shop", "--wait"]).await;
    assert_eq!(
        (ran.status, ran.stdout.as_str()),
        (1, "v3 http://v3.shop.localhost:8080\n"),
        "{ran:?}"
    );
    let said = "error: shop v3 has failed: container 1 exited with status 1\n  | no database\n\
        `launcher logs shop v3` shows all that its containers printed\n";
    assert!(ran.stderr.ends_with(said), "{ran:?}");
    let stub = launching(&["creating", "failed"]).await;
    let ran = run(&stub.url, &["launch", "shop", "--wait", "--json"]).await;
    assert_eq!(ran.status, 1);
    let printed: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(printed["environment"]["state"], "failed");
}

#[tokio::test]
async fn a_commands_output_and_exit_status_come_through() {
    let line = |stream: &str, text: &str| json!({ "at": null, "stream": stream, "text": text });
    let stub = Stub::start(move |_, _| {
        events(&[
            ("line", 0, line("stdout", "out")),
            ("line", 0, line("stderr", "err")),
            ("exit", 0, json!({ "code": 42 })),
        ])
    });
    let stub = stub.await;
    let ran = run(&stub.url, &["run", "shop", "3", "--", "bin/report", "--all"]).await;
    let ended = (ran.status, ran.stdout.as_str(), ran.stderr.as_str());
    assert_eq!(ended, (42, "out\n", "err\n"));
    assert_eq!(stub.lines(), [format!("POST {VERSIONS}/3/run")]);
    assert_eq!(stub.calls()[0].json(), json!({ "command": ["bin/report", "--all"] }));
    let cut_off = Stub::start(|_, _| events(&[])).await;
    assert_eq!(run(&cut_off.url, &["exec", "shop", "3", "--", "true"]).await.status, 1);
}

#[tokio::test]
async fn where_the_server_is_may_be_said_before_the_command() {
    let stub = Stub::start(|_, _| answer(200, &json!({ "items": [], "next": null }))).await;
    let elsewhere = nowhere().await;
    for typed in [
        &["--url", &stub.url, "--json", "status"][..],
        &["--json", "secret", "list", "--url", &stub.url],
    ] {
        let ran = run(&elsewhere, typed).await;
        assert_eq!((ran.status, ran.stdout.as_str()), (0, "[]\n"), "{typed:?}: {ran:?}");
    }
    for wrong in [&["--url", &stub.url, "up"][..], &["--json", "exec", "shop", "1", "--", "ls"]] {
        let ran = run(&stub.url, wrong).await;
        let said = format!("error: unexpected argument '{}' found", wrong[0]);
        assert!(ran.status == 2 && ran.stderr.starts_with(&said), "{wrong:?}: {ran:?}");
    }
}

#[tokio::test]
async fn a_share_is_asked_for_in_one_call() {
    let stub = Stub::start(|_, _| problem(409, "refused", "no version but v2 is live")).await;
    let ran = run(&stub.url, &["deploy", "shop", "2", "--weight", "10%"]).await;
    assert_eq!(
        (ran.status, ran.stderr.contains("no version but v2 is live")),
        (1, true),
        "{ran:?}"
    );
    let calls = stub.calls();
    assert_eq!(calls[0].line, "POST /api/v1/services/shop/deployments");
    assert_eq!(calls[0].json(), json!({ "version": 2, "weight": 10 }));
    let wrong = run(&stub.url, &["deploy", "shop", "2", "--weight", "101"]).await;
    assert_eq!((wrong.status, stub.calls().len()), (2, 1), "{wrong:?}");
    assert!(wrong.stderr.contains("give whole percent, 0 to 100"), "{wrong:?}");
}

#[tokio::test]
async fn a_version_is_tried_by_a_link_or_a_header() {
    let stub = Stub::start(|call, _| {
        let tried = call.line.ends_with("/3");
        let mut version = version(3, if tried { "ready" } else { "stopped" });
        version["try_pass"] = json!("v3.abc");
        if tried {
            version["try_url"] = json!("http://shop.test/?launcher-try=v3.abc");
        } else {
            version["environment"]["wanted"] = json!("stopped");
        }
        answer(200, &version)
    })
    .await;
    let link = run(&stub.url, &["try", "shop", "3"]).await;
    assert_eq!(link.stdout, "http://shop.test/?launcher-try=v3.abc\n", "{link:?}");
    let header = run(&stub.url, &["try", "shop", "3", "--header"]).await;
    assert_eq!(header.stdout, "Launcher-Try: v3.abc\n", "{header:?}");
    let stopped = run(&stub.url, &["try", "shop", "2"]).await;
    assert_eq!((stopped.status, stopped.stdout.as_str()), (1, ""), "{stopped:?}");
    assert!(stopped.stderr.contains("`launcher start shop v2`"), "{stopped:?}");
}
