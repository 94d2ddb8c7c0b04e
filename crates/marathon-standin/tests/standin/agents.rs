//! Agents: where tasks are placed, and what becomes of them when one is lost.

use launcher_marathon_standin::Options;
use serde_json::{Value, json};

use crate::support::{Ground, two_agents, until};

fn hosts(tasks: &[Value]) -> Vec<&str> {
    let mut hosts: Vec<&str> = tasks.iter().map(|task| task["host"].as_str().unwrap()).collect();
    hosts.sort_unstable();
    hosts
}

#[tokio::test]
async fn docker_standin_places_by_constraints_and_says_why_nothing_fits() {
    let ground = Ground::of("1.11").await;
    for (id, constraints, expected) in [
        ("/c/unique", json!([["hostname", "UNIQUE"]]), vec!["127.0.0.1", "127.0.0.2"]),
        ("/c/like", json!([["rack", "LIKE", "r[2-9]"]]), vec!["127.0.0.2", "127.0.0.2"]),
        ("/c/unlike", json!([["hostname", "UNLIKE", "127.0.0.2"]]), vec!["127.0.0.1", "127.0.0.1"]),
        ("/c/cluster", json!([["rack", "CLUSTER", "r2"]]), vec!["127.0.0.2", "127.0.0.2"]),
        ("/c/groups", json!([["rack", "GROUP_BY", "2"]]), vec!["127.0.0.1", "127.0.0.2"]),
        ("/c/most", json!([["rack", "MAX_PER", "1"]]), vec!["127.0.0.1", "127.0.0.2"]),
        ("/c/is", json!([["rack", "IS", "r1"]]), vec!["127.0.0.1", "127.0.0.1"]),
    ] {
        let mut app = ground.app(id, 2);
        app["constraints"] = constraints;
        ground.create(&app).await;
        ground.settled().await;
        assert_eq!(hosts(&ground.tasks(id).await), expected, "{id}");
        ground.call("DELETE", &format!("/v2/apps{id}"), None).await;
        ground.settled().await;
    }

    let mut app = ground.app("/c/big", 1);
    app["cpus"] = json!(64);
    app["constraints"] = json!([["rack", "LIKE", "r1"]]);
    ground.create(&app).await;
    let item = until("an offer that is declined", async || {
        let queue = ground.get("/v2/queue").await["queue"].clone();
        let summary = &queue[0]["processedOffersSummary"];
        (summary["processedOffersCount"] == 2).then(|| queue[0].clone())
    })
    .await;
    assert_eq!(item["delay"]["overdue"], true);
    let declined: Vec<(&str, u64)> = item["processedOffersSummary"]["rejectSummaryLastOffers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|reason| (reason["reason"].as_str().unwrap(), reason["declined"].as_u64().unwrap()))
        .filter(|(_, declined)| *declined > 0)
        .collect();
    assert_eq!(declined, [("UnfulfilledConstraint", 1), ("InsufficientCpus", 1)]);
    assert!(ground.running().await.is_empty());
}

#[tokio::test]
async fn docker_standin_replaces_what_is_unreachable_and_ends_it_when_it_is_back() {
    let ground = Ground::of("1.11").await;
    ground.create(&ground.app("/shop/web", 2)).await;
    ground.settled().await;
    let before = ground.tasks("/shop/web").await;
    let lost =
        before.iter().find(|task| task["host"] == "127.0.0.2").unwrap()["id"].as_str().unwrap();

    ground.standin.lose_agent("127.0.0.2").unwrap();
    until("two tasks on the agent that is left", async || {
        let tasks = ground.tasks("/shop/web").await;
        let up = |task: &&Value| task["state"] == "TASK_RUNNING" && task["host"] == "127.0.0.1";
        (tasks.iter().filter(up).count() == 2 && tasks.len() == 2).then_some(())
    })
    .await;
    // Marathon has forgotten it, but it runs.
    assert!(ground.running().await.contains(&lost.to_owned()));
    let slaves = mesos(&ground, "/slaves").await["slaves"].as_array().unwrap().clone();
    assert_eq!(slaves.len(), 1);

    ground.standin.return_agent("127.0.0.2").unwrap();
    until("the end of what was forgotten", async || {
        (!ground.running().await.contains(&lost.to_owned())).then_some(())
    })
    .await;
    ground.assert_running("/shop/web", 2).await;
    assert!(ground.standin.lose_agent("nowhere").is_err());
}

#[tokio::test]
async fn docker_standin_waits_for_unreachable_tasks_as_long_as_the_app_says() {
    let ground = Ground::of("1.4.2").await;
    ground.create(&ground.app("/shop/web", 2)).await;
    ground.settled().await;
    let before = ground.tasks("/shop/web").await;
    ground.standin.lose_agent("127.0.0.1").unwrap();
    let states = |tasks: &[Value]| {
        let mut states: Vec<String> =
            tasks.iter().map(|task| task["state"].as_str().unwrap().to_owned()).collect();
        states.sort();
        states
    };
    assert_eq!(states(&ground.tasks("/shop/web").await), ["TASK_RUNNING", "TASK_UNREACHABLE"]);
    ground.standin.return_agent("127.0.0.1").unwrap();
    let after = ground.tasks("/shop/web").await;
    assert_eq!(states(&after), ["TASK_RUNNING", "TASK_RUNNING"]);
    let ids = |tasks: &[Value]| tasks.iter().map(|task| task["id"].clone()).collect::<Vec<_>>();
    assert_eq!(ids(&before), ids(&after));
}

async fn mesos(ground: &Ground, path: &str) -> Value {
    let url = format!("{}{path}", ground.standin.mesos_url());
    ground.client.get(url).send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn docker_standin_tells_of_mesos() {
    let options = Options { masters: 2, agents: two_agents(), ..Options::default() };
    let ground = Ground::with(options).await;
    ground.create(&ground.app("/shop/web", 1)).await;
    ground.settled().await;
    let task = ground.tasks("/shop/web").await[0].clone();

    let slaves = mesos(&ground, "/master/slaves").await;
    let used: Vec<(&Value, &Value)> = slaves["slaves"]
        .as_array()
        .unwrap()
        .iter()
        .map(|slave| (&slave["hostname"], &slave["used_resources"]))
        .collect();
    let port = task["ports"][0].as_u64().unwrap();
    let (busy, idle) =
        if used[0].0 == &task["host"] { (used[0], used[1]) } else { (used[1], used[0]) };
    assert_eq!(busy.1["ports"], format!("[{port}-{port}]"));
    assert_eq!((&busy.1["cpus"], &busy.1["mem"]), (&json!(0.1), &json!(32.0)));
    assert!(idle.1.get("ports").is_none());

    let framework = mesos(&ground, "/state").await["frameworks"][0].clone();
    assert_eq!(framework["tasks"][0]["id"], task["id"]);
    assert_eq!(framework["tasks"][0]["name"], "web.shop");
    assert_eq!(mesos(&ground, "/metrics/snapshot").await["master/elected"], 1.0);

    let pid = slaves["slaves"]
        .as_array()
        .unwrap()
        .iter()
        .find(|slave| slave["id"] == task["slaveId"])
        .unwrap()["pid"]
        .as_str()
        .unwrap()
        .to_owned();
    let (process, address) = pid.split_once('@').unwrap();
    let url = format!("http://{address}/{process}/monitor/statistics");
    let statistics: Value = ground.client.get(url).send().await.unwrap().json().await.unwrap();
    assert_eq!(statistics[0]["executor_id"], task["id"]);
    assert_eq!(statistics[0]["statistics"]["mem_limit_bytes"], (32 + 32) << 20);
    assert!(statistics[0]["statistics"]["mem_total_bytes"].as_u64().unwrap() > 0, "{statistics}");

    let other = &ground.standin.mesos_urls()[1];
    let sent = ground.client.get(format!("{other}/state?x=1")).send().await.unwrap();
    assert_eq!(sent.status(), 307);
    let leader = ground.standin.mesos_url().replace("http:", "");
    assert_eq!(sent.headers()["location"], format!("{leader}/state?x=1").as_str());
    ground.standin.set_leading_master(None);
    let none = ground.client.get(format!("{other}/slaves")).send().await.unwrap();
    assert_eq!(none.status(), 503);
}
