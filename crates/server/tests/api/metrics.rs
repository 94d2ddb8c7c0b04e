//! What was measured, as numbers and as pictures.

use axum::body::Body;
use axum::http::Request;
use launcher_model::measure::{Traffic, TrafficSample};
use launcher_model::{EdgeName, ServiceName, VersionNumber};
use serde_json::{Value, json};

use crate::world::{Answer, World};

const METRICS: &str = "/api/v1/services/shop/metrics";

/// An installation in which `v1` is live and `v2` waits beside it, and both have carried something in the
/// last minute.
async fn carried() -> World {
    let world = World::new().await;
    let shop = world.service("shop").await;
    world.ready(&shop, "1").await;
    let deployed = world.call("POST", "/api/v1/services/shop/deployments", json!({ "version": 1 }));
    deployed.await.is(200);
    world.ready(&shop, "2").await;
    let now = world.app.now().as_second();
    for at in now - 50..now - 10 {
        tell(&world, &shop, at);
    }
    world
}

/// An edge tells of a second.
fn tell(world: &World, shop: &ServiceName, at: i64) {
    let sample = |version: u32, requests: [u64; 5]| {
        let mut traffic = Traffic { requests, ..Traffic::default() };
        (0..traffic.answered()).for_each(|_| traffic.latency.record(3_000));
        TrafficSample { service: shop.clone(), version: VersionNumber(version), traffic }
    };
    let samples = vec![sample(1, [0, 18, 0, 0, 2]), sample(2, [0, 1, 0, 0, 0])];
    let edge = EdgeName::new("told").unwrap();
    world.app.telemetry.gathered().traffic(&edge, at, samples);
}

fn line<'a>(answer: &'a Value, version: u32, measure: &str) -> &'a Value {
    let lines = answer["lines"].as_array().unwrap();
    lines.iter().find(|line| line["version"] == version && line["measure"] == measure).unwrap()
}

/// Who has no token.
async fn anybody(world: &World, path: &str) -> Answer {
    world.send(Request::get(path).body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn environments_are_measured_side_by_side() {
    let world = carried().await;
    let answer = world.get(METRICS).await.is(200).json();
    let of = |version, measure| {
        let values = line(&answer, version, measure)["values"].as_array().unwrap();
        values.iter().filter_map(Value::as_f64).fold(0.0, f64::max)
    };
    assert_eq!((of(1, "requests"), of(1, "requests_5xx")), (20.0, 2.0));
    assert_eq!((of(2, "requests"), of(2, "requests_5xx")), (1.0, 0.0));
    assert!((2.97..=3.03).contains(&of(2, "latency_p99")));
    assert_eq!(line(&answer, 1, "latency_p50")["unit"], "milliseconds");
    assert_eq!(answer["deployments"][0]["versions"], json!([1]));
    let steps = (answer["until"].as_i64().unwrap() - answer["from"].as_i64().unwrap())
        / answer["step"].as_i64().unwrap();
    assert_eq!(line(&answer, 2, "cpu")["values"].as_array().unwrap().len() as i64, steps);
    let some = format!("{METRICS}?versions=v2&measures=requests&from=-1m&step=10s");
    let some = world.get(&some).await.is(200).json();
    assert_eq!((some["lines"].as_array().unwrap().len(), &some["step"]), (1, &json!(10)));
}

#[tokio::test]
async fn before_a_version_was_there_nothing_is_known_of_it() {
    let world = carried().await;
    let path = format!("{METRICS}?measures=requests&from=-10m&step=10s");
    let answer = world.get(&path).await.is(200).json();
    for version in [1, 2] {
        let values = line(&answer, version, "requests")["values"].as_array().unwrap();
        let known = values.iter().position(|value| !value.is_null()).unwrap();
        assert!(known > 30, "{values:?}");
        assert!(values[known..].iter().any(|value| value.as_f64() > Some(0.0)), "{values:?}");
    }
}

#[tokio::test]
async fn a_graph_goes_on_to_show_what_was_live_before() {
    let world = carried().await;
    let shown = async |path: &str| world.get(path).await.is(200).text();
    assert!(!shown("/graphs/shop/requests.svg").await.contains("curve other"));
    let deploy = world.call("POST", "/api/v1/services/shop/deployments", json!({ "version": 2 }));
    deploy.await.is(200);
    let graph = shown("/graphs/shop/requests.svg").await;
    assert!(graph.contains("curve other") && graph.contains("curve live"), "{graph}");
    let named = "/graphs/shop/requests.svg?versions=2";
    assert!(!shown(named).await.contains("curve other"));
    assert!(shown(&format!("{named}&past=true")).await.contains("curve other"));
}

#[tokio::test]
async fn what_cannot_be_asked_is_told() {
    let world = carried().await;
    for (query, told) in [
        ("measures=load", "load is not measured; what is: requests,"),
        ("versions=new", "no version"),
        ("from=yesterday", "is no time"),
        ("from=now&until=-1h", "from is after until"),
        ("from=now", "from is until"),
        ("step=soon", "not a duration"),
        ("step=0s", "step is 0ms"),
        ("step=999ms", "give 1s or more"),
        ("of=all", "unknown field"),
    ] {
        let answer = world.get(&format!("{METRICS}?{query}")).await;
        let problem = answer.problem();
        assert!(problem["detail"].as_str().unwrap().contains(told), "{query}: {problem}");
    }
    world.get("/api/v1/services/none/metrics").await.tells(404, "not-found");
    world.get("/api/v1/services/none/graphs").await.tells(404, "not-found");
}

#[tokio::test]
async fn a_graph_is_for_who_has_a_token_or_an_address_that_was_signed() {
    let world = carried().await;
    let path = "/graphs/shop/requests.svg";
    anybody(&world, path).await.tells(401, "unauthorized");
    let shown = world.get(path).await.is(200);
    assert_eq!(shown.header("content-type"), "image/svg+xml");
    assert!(shown.header("content-security-policy").starts_with("default-src 'none'"));
    assert!(shown.text().contains(">Requests<") && shown.text().contains("curve beside"));

    let list = world.get("/api/v1/services/shop/graphs?versions=1,2&range=1h").await.is(200).json();
    let url = |n: usize| list["items"][n]["svg"].as_str().unwrap().to_owned();
    assert!(url(0).starts_with("/graphs/shop/requests.svg?versions=1,2&range=1h&signature="));
    anybody(&world, &url(0)).await.is(200);
    for changed in [
        url(0).replace("shop", "shop2"),
        url(0).replace("range=1h", "range=7d"),
        url(0).replace("requests.svg", "errors.svg"),
        format!("{}&theme=dark", url(0)),
        url(0).replace("signature=", "at=1&signature="),
        format!("/graphs/shop/errors.svg?{}", url(0).split_once('?').unwrap().1),
    ] {
        anybody(&world, &changed).await.tells(401, "unauthorized");
    }
}

#[tokio::test]
async fn a_server_that_knows_its_address_signs_whole_ones() {
    let mut world = carried().await;
    world.is_reached_at("https://launcher.example.com/");
    let list = world.get("/api/v1/services/shop/graphs").await.is(200).json();
    for format in ["svg", "png"] {
        let address = list["items"][0][format].as_str().unwrap();
        let path = address.strip_prefix("https://launcher.example.com/graphs/").unwrap();
        anybody(&world, &format!("/graphs/{path}")).await.is(200);
    }
}

#[tokio::test]
async fn a_signed_address_says_how_the_graph_is_drawn() {
    let world = carried().await;
    let graphs = "/api/v1/services/shop/graphs";
    let query = "width=390&height=150&theme=dark&zone=Etc/GMT%2B3&range=1h";
    let list = world.get(&format!("{graphs}?{query}")).await.is(200).json();
    let svg = list["items"][0]["svg"].as_str().unwrap();
    let wanted = "?range=1h&width=390&height=150&theme=dark&zone=Etc/GMT%2B3&signature=";
    assert!(svg.starts_with(&format!("/graphs/shop/requests.svg{wanted}")), "{svg}");
    let drawn = anybody(&world, svg).await.is(200).text();
    assert!(drawn.contains("width=\"390\""), "{drawn}");
    anybody(&world, list["items"][0]["png"].as_str().unwrap()).await.is(200);
    anybody(&world, &svg.replace("theme=dark", "theme=light")).await.tells(401, "unauthorized");
    for (query, status, told) in [
        ("width=9", 422, "80 to 2400 pixels"),
        ("zone=Nowhere", 422, "no time zone"),
        ("theme=pink", 400, "light"),
        ("range=0s", 422, "range is 0ms"),
        ("range=9s", 422, "give 10s or more"),
        ("versions=7", 404, "shop has no v7"),
    ] {
        let answer = world.get(&format!("{graphs}?{query}")).await.is(status);
        assert!(answer.problem()["detail"].as_str().unwrap().contains(told), "{query}");
    }
}

#[tokio::test]
async fn what_never_was_is_told_from_what_is_gone() {
    let world = carried().await;
    let refused = world.get(&format!("{METRICS}?versions=1,99")).await;
    let problem = refused.is(404).problem();
    assert_eq!(problem["detail"], "shop has no v99: it has v1 to v2");
    let picture = world.get("/graphs/shop/requests.svg?versions=99").await;
    picture.tells(404, "not-found");
    let empty = world.service("empty").await;
    let refused = world.get(&format!("/api/v1/services/{empty}/metrics?versions=1")).await;
    let problem = refused.is(404).problem();
    assert!(problem["detail"].as_str().unwrap().contains("`launcher launch empty"), "{problem}");

    world.call("DELETE", "/api/v1/services/shop/versions/2", json!({})).await;
    launcher_testkit::wait::until("v2 being destroyed", launcher_testkit::wait::SOON, || async {
        let version = world.get("/api/v1/services/shop/versions/2").await.json();
        (version["environment"]["state"] == "destroyed").then_some(())
    })
    .await;
    let gone = format!("{METRICS}?versions=2&measures=requests");
    let answer = world.get(&gone).await.is(200).json();
    let values = line(&answer, 2, "requests")["values"].as_array().unwrap();
    assert!(values.iter().any(|value| value.as_f64() == Some(1.0)), "{values:?}");
}

#[tokio::test]
async fn a_graph_that_cannot_be_drawn_says_why() {
    let world = carried().await;
    for (path, status, told) in [
        ("/graphs/shop/load.svg", 404, "there are requests, errors"),
        ("/graphs/shop/requests.gif", 404, "there is no graph at"),
        ("/graphs/none/requests.svg", 404, "no service"),
        ("/graphs/shop/requests.svg?width=9", 422, "80 to 2400 pixels"),
        ("/graphs/shop/requests.svg?zone=Nowhere", 422, "no time zone"),
        ("/graphs/shop/requests.svg?versions=x", 400, "no version"),
        ("/graphs/shop/requests.svg?range=0s", 422, "give 10s or more"),
    ] {
        let answer = world.get(path).await.is(status);
        assert!(answer.problem()["detail"].as_str().unwrap().contains(told), "{path}");
    }
}
