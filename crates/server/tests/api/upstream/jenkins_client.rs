//! The stand-in for Jenkins, held to account by a client that others wrote: python-jenkins. What our own
//! client relies on must be what that one relies on too.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use launcher_testkit::clients;
use launcher_testkit::jenkins::{Jenkins, TOKEN, VERSION};
use serde_json::{Value, json};
use tokio::process::Command;

static CLIENTS: LazyLock<PathBuf> =
    LazyLock::new(|| clients::installed("jenkins-clients", env!("CARGO_TARGET_TMPDIR")));

const JOB: &str = "web/shop";

/// What a call of the client ended with: its result, or its words.
async fn try_ask(
    jenkins: &Jenkins,
    token: &str,
    method: &str,
    arguments: Value,
) -> Result<Value, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/api/upstream/jenkins_client.py");
    let mut command = Command::new(CLIENTS.join("venv/bin/python"));
    command.arg(script).args([&jenkins.base, "launcher", token, method, &arguments.to_string()]);
    command.env("no_proxy", "*");
    let output = command.output().await.unwrap();
    if output.status.success() {
        return Ok(serde_json::from_slice(&output.stdout).unwrap());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}

async fn ask(jenkins: &Jenkins, method: &str, arguments: Value) -> Value {
    let answer = try_ask(jenkins, TOKEN, method, arguments).await;
    answer.unwrap_or_else(|words| panic!("{method}: {words}"))
}

/// Starts a run; its number in the queue.
async fn start(jenkins: &Jenkins, build: &str) -> u64 {
    let parameters =
        json!({ "LAUNCHER_BUILD": build, "TARGET": "stage & more", "OTHER": "dropped" });
    ask(jenkins, "build_job", json!([JOB, parameters])).await.as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stand_in_runs_a_job_for_another_client() {
    for crumbs in [true, false] {
        let jenkins = Jenkins::open(crumbs).await;
        jenkins.ends_with("SUCCESS");
        let seen = ask(&jenkins, "look", json!([])).await;
        assert_eq!(seen, json!({ "id": "launcher", "version": VERSION }));
        assert_eq!(ask(&jenkins, "get_job_name", json!([JOB])).await, "shop");
        let before = ask(&jenkins, "get_job_info", json!([JOB])).await;
        assert_eq!((&before["nextBuildNumber"], &before["builds"]), (&json!(1), &json!([])));
        // Where it waits, it is listed there and nowhere else.
        let item = start(&jenkins, "shop 1 c0ffee").await;
        assert_eq!(jenkins.runs()[0].parameters["TARGET"], "stage & more");
        let queue = ask(&jenkins, "get_queue_info", json!([])).await;
        assert_eq!((queue.as_array().unwrap().len(), &queue[0]["id"]), (1, &json!(item)));
        let job = ask(&jenkins, "get_job_info", json!([JOB])).await;
        assert_eq!((&job["inQueue"], &job["builds"]), (&json!(true), &json!([])));
        let waits = ask(&jenkins, "get_queue_item", json!([item])).await;
        assert_eq!(waits["why"], "Waiting for next available executor");
        assert!(waits.get("executable").is_none(), "{waits}");
        // Then it has its turn, and another number.
        let begun = ask(&jenkins, "get_queue_item", json!([item])).await;
        assert_eq!((&begun["executable"]["number"], &begun["why"]), (&json!(1), &Value::Null));
        assert_ne!(item, 1);
        assert_eq!(ask(&jenkins, "get_queue_info", json!([])).await, json!([]));
        let run = ask(&jenkins, "get_build_info", json!([JOB, 1])).await;
        assert_eq!(
            (&run["building"], &run["result"], &run["queueId"]),
            (&json!(true), &Value::Null, &json!(item))
        );
        let given = run["actions"][0]["parameters"].as_array().unwrap();
        let has = |name: &str, value: &str| {
            given.iter().any(|one| one["name"] == name && one["value"] == value)
        };
        assert!(has("LAUNCHER_BUILD", "shop 1 c0ffee") && has("TARGET", "stage & more"), "{run}");
        assert!(!given.iter().any(|one| one["name"] == "OTHER"), "{run}");
        // Its log comes in parts, and as a whole.
        let part = ask(&jenkins, "progressive", json!([JOB, 1, 0])).await;
        assert_eq!(part["more"], true);
        let rest = ask(&jenkins, "progressive", json!([JOB, 1, part["size"]])).await;
        assert_eq!((&rest["text"], &rest["more"]), (&json!("Finished\n"), &json!(false)));
        let text = |part: &Value| part["text"].as_str().unwrap().to_owned();
        let whole = ask(&jenkins, "get_build_console_output", json!([JOB, 1])).await;
        assert_eq!(whole, text(&part) + &text(&rest));
        let run = ask(&jenkins, "get_build_info", json!([JOB, 1])).await;
        assert_eq!((&run["building"], &run["result"]), (&json!(false), &json!("SUCCESS")));
        let job = ask(&jenkins, "get_job_info", json!([JOB])).await;
        assert_eq!((&job["nextBuildNumber"], &job["lastBuild"]["number"]), (&json!(2), &json!(1)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stand_in_stops_runs_for_another_client() {
    let jenkins = Jenkins::open(true).await;
    let item = start(&jenkins, "shop 1 c0ffee").await;
    jenkins.begins_all();
    assert_eq!(ask(&jenkins, "stop_build", json!([JOB, 1])).await, Value::Null);
    let run = ask(&jenkins, "get_build_info", json!([JOB, 1])).await;
    assert_eq!((&run["building"], &run["result"]), (&json!(false), &json!("ABORTED")));
    // One that waits is taken out of the queue, and never gets a number.
    let waiting = start(&jenkins, "shop 2 c0ffee").await;
    assert_ne!(waiting, item);
    ask(&jenkins, "cancel_queue", json!([waiting])).await;
    let cancelled = ask(&jenkins, "get_queue_item", json!([waiting])).await;
    assert_eq!((&cancelled["cancelled"], &cancelled["executable"]), (&json!(true), &Value::Null));
    let job = ask(&jenkins, "get_job_info", json!([JOB])).await;
    assert_eq!((&job["nextBuildNumber"], &job["inQueue"]), (&json!(2), &json!(false)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stand_in_refuses_another_client_what_jenkins_refuses() {
    let jenkins = Jenkins::open(true).await;
    for (token, method, arguments, words) in [
        ("wrong", "get_whoami", json!([]), "Possibly authentication failed [401]"),
        (TOKEN, "get_job_info", json!(["web/other"]), "job[web/other] does not exist"),
        (TOKEN, "get_build_info", json!([JOB, 7]), "job[web/shop] number[7] does not exist"),
        (TOKEN, "get_queue_item", json!([7]), "queue number[7] does not exist"),
        (TOKEN, "stop_build", json!([JOB, 7]), "Requested item could not be found"),
        // A job with parameters is not started without.
        (TOKEN, "build_job", json!([JOB]), "400"),
    ] {
        let told = try_ask(&jenkins, token, method, arguments).await.unwrap_err();
        assert!(told.contains(words), "{method}: {told}");
    }
    assert!(jenkins.runs().is_empty());
    jenkins.is_away(true);
    let told = try_ask(&jenkins, TOKEN, "get_whoami", json!([])).await.unwrap_err();
    assert!(told.contains("Error communicating with server") || told.contains("503"), "{told}");
}
