//! What was measured of hosts, as numbers and as pictures.

use axum::body::Body;
use axum::http::Request;
use launcher_model::measure::{HostReport, HostUsage};
use serde_json::{Value, json};

use crate::world::{Answer, World};

const METRICS: &str = "/api/v1/hosts/web1/metrics";

/// An installation of which one host has told what it used in the last minute, and another one nothing.
async fn measured() -> World {
    let world = World::without_edge().await;
    world.fake.set_hosts(["web1", "web2", "rack 3/a"]);
    let now = world.app.now().as_second();
    for at in (now - 60..now).step_by(5) {
        let usage = HostUsage {
            cpus: 4,
            cpu_us: 2_500_000,
            memory: 3 << 30,
            memory_total: 8 << 30,
            received: 5_000,
            sent: 500,
            read: 50,
            written: 5,
        };
        for host in ["web1", "rack 3/a"] {
            let (host, usage) = (host.to_owned(), usage.clone());
            let report = HostReport { host, at, containers: Vec::new(), usage };
            world.app.telemetry.gathered().host(report);
        }
    }
    world
}

/// The most that is said of a measure; none where there is no number.
fn most(answer: &Value, measure: &str) -> Option<f64> {
    let lines = answer["lines"].as_array().unwrap();
    let line = lines.iter().find(|line| line["measure"] == measure).unwrap();
    let values = line["values"].as_array().unwrap().iter();
    values.filter_map(Value::as_f64).reduce(f64::max)
}

async fn anybody(world: &World, path: &str) -> Answer {
    world.send(Request::get(path).body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn a_host_shows_what_it_uses_and_has() {
    let world = measured().await;
    let answer = world.get(METRICS).await.is(200).json();
    for (measure, number) in [
        ("cpu", 0.5),
        ("cpus", 4.0),
        ("memory", f64::from(3 << 20) * 1024.0),
        ("memory_total", f64::from(8 << 20) * 1024.0),
        ("network_received", 1_000.0),
        ("network_sent", 100.0),
        ("disk_read", 10.0),
        ("disk_written", 1.0),
    ] {
        assert_eq!(most(&answer, measure), Some(number), "{measure}");
    }
    assert_eq!(answer["lines"][0]["unit"], "processors");
    assert_eq!(answer["lines"].as_array().unwrap().len(), 8);
    let some = format!("{METRICS}?measures=memory,cpu&from=-1m&step=1s");
    let some = world.get(&some).await.is(200).json();
    let measures = [&some["lines"][0]["measure"], &some["lines"][1]["measure"]];
    assert_eq!((measures, &some["step"]), ([&json!("memory"), &json!("cpu")], &json!(10)));
    // Nobody has told anything of it.
    let silent = world.get("/api/v1/hosts/web2/metrics").await.is(200).json();
    assert_eq!((most(&silent, "cpu"), most(&silent, "disk_read")), (None, None));
    let strange = world.get("/api/v1/hosts/rack%203%2Fa/metrics").await.is(200).json();
    assert_eq!(most(&strange, "cpu"), Some(0.5));
}

#[tokio::test]
async fn what_cannot_be_asked_of_a_host_is_told() {
    let world = measured().await;
    for (query, told) in [
        ("measures=requests", "requests is not measured; what is: cpu, cpus, memory, memory_total"),
        ("from=yesterday", "is no time"),
        ("from=now&until=-1h", "from is after until"),
        ("step=0s", "give 1s or more"),
        ("versions=1", "unknown field"),
    ] {
        let problem = world.get(&format!("{METRICS}?{query}")).await.problem();
        assert!(problem["detail"].as_str().unwrap().contains(told), "{query}: {problem}");
    }
    for path in ["/api/v1/hosts/none/metrics", "/api/v1/hosts/none/graphs"] {
        world.get(path).await.tells(404, "not-found");
    }
    // A host has two of its own, which a service has not.
    world.service("shop").await;
    let problem = world.get("/api/v1/services/shop/metrics?measures=cpus").await;
    let problem = problem.tells(422, "invalid");
    assert!(problem["detail"].as_str().unwrap().starts_with("cpus is not measured"), "{problem}");
}

#[tokio::test]
async fn a_host_has_pictures_for_who_may_see_them() {
    let world = measured().await;
    for (name, title, curves) in [
        ("cpu", "web1: Processors", ["curve live", "curve other thin"]),
        ("memory", "web1: Memory", ["curve live", "curve other thin"]),
        ("disk", "web1: Disks", ["curve live", "curve beside"]),
        ("network", "web1: Network", ["curve live", "curve beside"]),
    ] {
        let path = format!("/graphs/hosts/web1/{name}.svg");
        anybody(&world, &path).await.tells(401, "unauthorized");
        let shown = world.get(&path).await.is(200);
        assert_eq!(shown.header("content-type"), "image/svg+xml");
        let svg = shown.text();
        assert!(svg.contains(title) && curves.iter().all(|curve| svg.contains(curve)), "{svg}");
        let png = world.get(&format!("/graphs/hosts/web1/{name}.png")).await.is(200);
        assert_eq!(&png.body[..8], b"\x89PNG\r\n\x1a\n");
    }
    let svg = world.get("/graphs/hosts/web1/memory.svg").await.text();
    assert!(svg.contains(">used 3 GiB<") && svg.contains(">of 8 GiB<"), "{svg}");
}

#[tokio::test]
async fn addresses_of_a_host_s_pictures_are_signed() {
    let world = measured().await;
    for host in ["web1", "rack%203%2Fa"] {
        let list = world.get(&format!("/api/v1/hosts/{host}/graphs?range=1h")).await.is(200).json();
        let names = list["items"].as_array().unwrap().iter().map(|item| item["name"].clone());
        assert_eq!(names.collect::<Vec<_>>(), ["cpu", "memory", "disk", "network"]);
        let url = list["items"][3]["svg"].as_str().unwrap();
        let expected = format!("/graphs/hosts/{host}/network.svg?range=1h&signature=");
        assert!(url.starts_with(&expected), "{url}");
        assert!(anybody(&world, url).await.is(200).text().contains("curve live"));
        for changed in [url.replace("network", "cpu"), url.replace("1h", "2h")] {
            anybody(&world, &changed).await.tells(401, "unauthorized");
        }
    }
    // There is no Graphite here.
    world.get("/graphs/hosts/web1/cpu.graphite.png").await.tells(404, "not-found");
}

#[tokio::test]
async fn a_picture_of_a_host_that_cannot_be_drawn_says_why() {
    let world = measured().await;
    for (path, status, told) in [
        ("/graphs/hosts/web1/requests.svg", 404, "there are cpu, memory, disk, network"),
        ("/graphs/hosts/web1/cpu.gif", 404, "there is no graph at"),
        ("/graphs/hosts/web1/cpu", 404, "there is no graph at"),
        ("/graphs/hosts/none/cpu.svg", 404, "none"),
        ("/graphs/hosts/web1/cpu.svg?versions=1", 422, "has no versions"),
        ("/graphs/hosts/web1/cpu.svg?width=9", 422, "80 to 2400 pixels"),
    ] {
        let answer = world.get(path).await.is(status);
        assert!(answer.problem()["detail"].as_str().unwrap().contains(told), "{path}");
    }
}
