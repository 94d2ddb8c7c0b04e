use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn launch() -> Launch {
    let digest = format!("sha256:{}", "a".repeat(64));
    let version = serde_json::from_value(serde_json::json!({
        "service": "shop",
        "number": 42,
        "image": {
            "requested": "registry.example.com/shop:1",
            "reference": format!("registry.example.com/shop@{digest}"),
            "digest": digest,
        },
        "spec": { "service": { "name": "shop", "port": 8080, "replicas": 2 } },
        "secrets": {},
        "commit": "4f2a",
        "created_at": at(100).to_string(),
        "created_by": "alice",
    }));
    let version = version.unwrap();
    Launch { version, starting_since: Some(at(104)), over_at: at(110), failure: None }
}

fn told(launch: &Launch) -> Vec<(String, u64, u64, String)> {
    let spans = Trace::of_launch(&Names::new("one"), launch).into_spans();
    let told = spans.into_iter().map(|span| {
        let why = span.status.map(|status| status.message).unwrap_or_default();
        let second = |nanos: u64| nanos / 1_000_000_000;
        (span.name, second(span.start_time_unix_nano), second(span.end_time_unix_nano), why)
    });
    told.collect()
}

#[test]
fn it_is_prepared_and_then_started() {
    let row = |name: &str, from, until| (name.to_owned(), from, until, String::new());
    let ready = [row("launch", 100, 110), row("prepare", 100, 104), row("start", 104, 110)];
    assert_eq!(told(&launch()), ready);
}

#[test]
fn one_that_failed_says_why_wherever_it_was() {
    let failure = Some("the release command exited with status 1".to_owned());
    let failed = Launch { failure: failure.clone(), starting_since: None, ..launch() };
    assert_eq!(told(&failed), [("launch".to_owned(), 100, 110, failure.clone().unwrap())]);
    let later = Launch { failure, ..launch() };
    assert!(told(&later).iter().all(|(name, .., why)| why.is_empty() == (name == "prepare")));
}

#[test]
fn a_start_that_was_not_this_one_is_left_out() {
    // It was stopped and started again before it was told.
    let again = Launch { starting_since: Some(at(200)), ..launch() };
    assert_eq!(told(&again).len(), 1);
}
