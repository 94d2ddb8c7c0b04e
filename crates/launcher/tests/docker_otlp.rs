//! A collector of OpenTelemetry's data beside a whole installation.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

use launcher_testkit::collector::attributes;
use launcher_testkit::wait::{SOON, until};
use launcher_testkit::{Collector, Engine, Installation};
use serde_json::{Value, json};

/// The spans of this name, each with its parent's.
fn spans(collector: &Collector, name: &str) -> Vec<(Value, Option<String>)> {
    let all = collector.spans();
    let title = |id: &Value| {
        let parent = all.iter().find(|span| !id.is_null() && span["spanId"] == *id)?;
        parent["name"].as_str().map(str::to_owned)
    };
    let named = all.iter().filter(|span| span["name"] == name);
    named.map(|span| (span.clone(), title(&span["parentSpanId"]))).collect()
}

fn nanos(span: &Value, field: &str) -> u64 {
    span[field].as_str().unwrap().parse().unwrap()
}

/// A span of which there is one, once it has come.
async fn comes(collector: &Collector, name: &str) -> Value {
    let found = until(name, SOON, || async {
        let found = spans(collector, name);
        (!found.is_empty()).then_some(found)
    })
    .await;
    let [(span, _)] = &found[..] else { panic!("{found:?}") };
    span.clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_a_collector_is_told_what_is_launched_deployed_and_carried() {
    let mut collector = Collector::start(env!("CARGO_TARGET_TMPDIR")).await;
    let program = Path::new(env!("CARGO_BIN_EXE_launcher"));
    let engine = Engine::local();
    let image = engine.build(program, 1, &[]);
    let mut installation = Installation::new(program, &engine);
    installation.configure(&format!("[otlp]\nendpoint = \"{}\"\n", collector.url()));
    let api = installation.start().await;
    collector.answer(&[json!({ "status": 503, "retry_after": "1" })]).await;
    api.put_service(json!({
        "service": { "name": "shop", "hosts": ["shop.example.com"], "port": 8080 },
        "health": { "path": "/healthz", "interval": "200ms", "start_period": "20s" },
    }))
    .await;
    api.launch_ready("shop", &image.id).await;
    api.deploy("shop", 1).await;

    let launch = comes(&collector, "launch").await;
    let deployment = comes(&collector, "deployment").await;
    assert_eq!(attributes(&launch)["launcher.launch.result"], "ready");
    assert_eq!(attributes(&deployment)["launcher.deployment.to"], "v1");
    assert_eq!(attributes(&deployment)["deployment.status"], "succeeded");
    assert_eq!(deployment["links"][0]["traceId"], launch["traceId"]);
    for (name, parent) in [
        ("prepare edge", "prepare"),
        ("commit", "deployment"),
        ("commit edge", "commit"),
        ("drain", "deployment"),
    ] {
        let found = spans(&collector, name);
        let [(span, is_in)] = &found[..] else { panic!("{name}: {found:?}") };
        assert_eq!((is_in.as_deref(), &span["traceId"]), (Some(parent), &deployment["traceId"]));
        let (from, until) = (nanos(span, "startTimeUnixNano"), nanos(span, "endTimeUnixNano"));
        assert!(from <= until && nanos(&deployment, "startTimeUnixNano") <= from, "{span}");
        assert!(until <= nanos(&deployment, "endTimeUnixNano"), "{span}");
    }

    for _ in 0..20 {
        installation.page("shop.example.com").await.expect("v1 serves");
    }
    let carried = until("all that was carried", SOON, || async {
        let points = collector.points("launcher.requests");
        let of_v1 = points.iter().filter(|point| point.attributes["launcher.version"] == "v1");
        let counts = of_v1.map(|point| point.data["asInt"].as_str().unwrap());
        let sum: u64 = counts.map(|count| count.parse::<u64>().unwrap()).sum();
        (sum >= 20).then_some(sum)
    });
    assert_eq!(carried.await, 20);
}
