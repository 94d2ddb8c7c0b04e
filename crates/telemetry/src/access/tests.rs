use std::net::SocketAddr;

use launcher_model::measure::Merge as _;
use launcher_model::{ServiceName, VersionNumber};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const NOW: i64 = 1_790_000_000;

fn place(service: &str, version: u32) -> Place {
    Place { service: ServiceName::new(service).unwrap(), version: VersionNumber(version) }
}

fn seen(id: &str, address: &str, place: Place) -> Seen {
    let address: SocketAddr = address.parse().unwrap();
    Seen { id: id.to_owned(), addresses: vec![address], place }
}

fn places() -> Places {
    let mut places = Places::default();
    let other = "ffffffffffffffffffff";
    let all = [
        seen(ID, "172.17.0.2:8080", place("shop", 42)),
        seen(other, "172.17.0.3:8080", place("shop", 41)),
    ];
    places.look(NOW, all);
    places
}

fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        other => panic!("{other} is no record"),
    }
}

fn reads(value: Value, counts: Counts) -> Result<Request, Left> {
    read(&fields(value), NOW as f64 + 0.75, &places(), counts)
}

fn request(version: u32, status: u16, took_us: Option<u64>) -> Request {
    let place = place("shop", version);
    Request { place, at: NOW, status, took_us, received: 0, sent: 0, again: 0 }
}

#[test]
fn records_are_understood_by_what_they_name() {
    let combined =
        r#"192.0.2.7 - - [24/Nov/2026:13:00:00 +0000] "GET / HTTP/1.1" 404 612 "-" "curl""#;
    for (record, expected) in [
        // What names its service.
        (
            json!({ "service": "shop", "version": 42, "status": 200, "request_time": 0.25 }),
            request(42, 200, Some(250_000)),
        ),
        (
            json!({ "service": "shop", "version": "v41", "status": "503", "request_time": "0.003" }),
            request(41, 503, Some(3_000)),
        ),
        (
            json!({ "service": "shop", "version": "42", "status": 200, "duration": "1.5ms",
                "bytes_sent": 100, "request_length": 50 }),
            Request { sent: 100, received: 50, ..request(42, 200, Some(1_500)) },
        ),
        (
            json!({ "service": "shop", "version": 42, "status": 200, "duration_us": 77,
                "body_bytes_sent": "90", "bytes_sent": "100", "duration": 1 }),
            Request { sent: 90, ..request(42, 200, Some(77)) },
        ),
        (
            json!({ "service": "shop", "version": 42, "status": 200, "message": "GET / was answered" }),
            request(42, 200, None),
        ),
        // A load balancer of somebody else's: the last of those that it asked has answered.
        (
            json!({ "upstream_addr": "172.17.0.3:8080, 172.17.0.2:8080", "status": "200",
                "request_time": "0.010" }),
            request(42, 200, Some(10_000)),
        ),
        (
            json!({ "upstream_addr": "10.0.0.1:80 : 172.17.0.3:8080", "status": 302 }),
            request(41, 302, None),
        ),
        // Docker's driver.
        (
            json!({ "container_id": ID, "container_name": "/shop", "source": "stdout",
                "log": "{\"status\": 201, \"duration\": \"2ms\", \"service\": \"other\"}" }),
            request(42, 201, Some(2_000)),
        ),
        (
            json!({ "container_id": ID, "log": combined }),
            Request { sent: 612, ..request(42, 404, None) },
        ),
        // A load balancer in a container that is not ours.
        (
            json!({ "container_id": "a".repeat(64),
                "log": "{\"status\":\"200\",\"upstream_addr\":\"172.17.0.3:8080\"}\n" }),
            request(41, 200, None),
        ),
        // What tails a container's file, and knows whose it is.
        (
            json!({ "container_id": &ID[..12], "message": combined }),
            Request { sent: 612, ..request(42, 404, None) },
        ),
        (json!({ "container_id": &ID[..12], "status": 200 }), request(42, 200, None)),
    ] {
        assert_eq!(reads(record.clone(), Counts::Edges), Ok(expected), "{record}");
    }
}

#[test]
fn what_cannot_be_understood_is_left_for_a_reason() {
    for (record, left) in [
        (json!({}), Left::Nobodys),
        (json!({ "status": 200 }), Left::Nobodys),
        (json!({ "service": "shop", "version": 42 }), Left::NoStatus),
        (json!({ "service": "shop", "version": 42, "status": "-" }), Left::NoStatus),
        (json!({ "service": "shop", "version": 42, "status": 1000 }), Left::NoStatus),
        (json!({ "service": "shop", "version": 42, "status": -200 }), Left::NoStatus),
        (json!({ "service": "shop", "version": 43, "status": 200 }), Left::Unknown),
        (json!({ "service": "shop", "version": -1, "status": 200 }), Left::Unknown),
        (json!({ "service": "shop", "status": 200 }), Left::Unknown),
        (json!({ "service": "Not a name", "version": 1, "status": 200 }), Left::Unknown),
        (json!({ "upstream_addr": "-", "status": 502 }), Left::Nobodys),
        (json!({ "upstream_addr": "unix:/tmp/a.sock", "status": 200 }), Left::Nobodys),
        (json!({ "container_id": "0123", "status": 200 }), Left::Nobodys),
        (json!({ "container_id": ID, "log": "listening on port 8080" }), Left::NoAccess),
        (json!({ "container_id": ID, "log": "{\"level\": \"info\"}" }), Left::NoAccess),
        (json!({ "container_id": ID, "log": "{\"stat" }), Left::NoAccess),
        (json!({ "log": "{\"status\": 200}" }), Left::Nobodys),
    ] {
        assert_eq!(reads(record.clone(), Counts::Edges), Err(left), "{record}");
    }
}

#[test]
fn records_of_our_own_edges_count_when_they_shall() {
    let record = json!({
        "service": "shop", "version": 42, "container_id": "0123456789ab", "edge": "north",
        "status": 200, "duration_us": 1_500_000, "bytes_sent": 7, "bytes_received": 3, "sent_again": 1,
    });
    assert_eq!(reads(record.clone(), Counts::Edges), Err(Left::OfAnEdge));
    // It ended in the second after the next.
    let expected = Request {
        at: NOW + 2,
        sent: 7,
        received: 3,
        again: 1,
        ..request(42, 200, Some(1_500_000))
    };
    assert_eq!(reads(record.clone(), Counts::Records), Ok(expected));
    let mut upgraded = record.clone();
    upgraded["status"] = 101.into();
    assert_eq!(reads(upgraded, Counts::Records).unwrap().took_us, None);
    let mut gone = fields(record);
    gone.remove("status");
    assert_eq!(reads(Value::Object(gone), Counts::Records), Err(Left::Unanswered));
}

#[test]
fn numbers_that_no_request_has_are_not_believed_and_break_no_sum() {
    let record = json!({
        "service": "shop", "version": 42, "status": 200, "body_bytes_sent": 9_223_372_036_854_775_808_u64,
        "request_length": 1e300, "duration": 1e300,
    });
    assert_eq!(reads(record, Counts::Edges), Ok(request(42, 200, None)));
    let mut requests = Requests::default();
    for _ in 0..2 {
        requests.add(Request {
            sent: u64::MAX,
            again: u64::MAX,
            ..request(42, 200, Some(u64::MAX))
        });
    }
    let (_, mut samples) = requests.into_samples().next().unwrap();
    let traffic = &mut samples[0].traffic;
    let other = traffic.clone();
    traffic.beside(&other);
    traffic.after(&other);
    assert_eq!((traffic.sent, traffic.retried, traffic.answered()), (u64::MAX, u64::MAX, 6));
}

#[test]
fn requests_of_a_second_are_put_together() {
    let mut requests = Requests::default();
    requests.add(Request { sent: 10, ..request(42, 200, Some(1_000)) });
    requests.add(Request { sent: 5, again: 1, ..request(42, 503, None) });
    requests.add(request(41, 200, None));
    requests.add(Request { at: NOW + 1, ..request(42, 404, None) });
    let seconds: Vec<_> = requests.into_samples().collect();
    assert_eq!(
        seconds.iter().map(|(at, of)| (*at, of.len())).collect::<Vec<_>>(),
        [(NOW, 2), (NOW + 1, 1)]
    );
    let of = |version| move |sample: &&TrafficSample| sample.version == VersionNumber(version);
    let traffic = &seconds[0].1.iter().find(of(42)).unwrap().traffic;
    assert_eq!(traffic.requests, [0, 1, 0, 0, 1]);
    assert_eq!((traffic.sent, traffic.retried, traffic.latency.count()), (15, 1, 1));
    let mut told = Traffic { failed: 2, ejected: 1, in_flight: 3, ..traffic.clone() };
    beside_records(&mut told);
    assert_eq!(told, Traffic { failed: 2, ejected: 1, in_flight: 3, ..Traffic::default() });
}

#[test]
fn containers_are_known_for_a_while_after_they_went() {
    let mut places = places();
    let record = fields(json!({ "container_id": ID, "status": 200 }));
    let mut whose = |after| {
        places.look(NOW + after, [seen("eeeeeeeeeeeeeeee", "172.17.0.2:8080", place("shop", 43))]);
        read(&record, NOW as f64, &places, Counts::Edges).map(|request| request.place)
    };
    assert_eq!(whose(300), Ok(place("shop", 42)));
    assert_eq!(whose(311), Err(Left::Nobodys));
    // Another container has its address now.
    let record = fields(json!({ "upstream_addr": "172.17.0.2:8080", "status": 200 }));
    let request = read(&record, NOW as f64, &places, Counts::Edges).unwrap();
    assert_eq!(request.place, place("shop", 43));
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
        Just(Value::from(ID)),
        Just(Value::from("shop")),
        Just(Value::from("{\"status\":200,\"request_time\":1e300}")),
        (100u16..700).prop_map(Value::from),
        Just(Value::Array(Vec::new())),
    ]
}

const NAMES: [&str; 14] = [
    "service",
    "version",
    "status",
    "edge",
    "duration_us",
    "duration",
    "request_time",
    "log",
    "message",
    "container_id",
    "upstream_addr",
    "bytes_sent",
    "request_length",
    "sent_again",
];

proptest! {
    /// Any record is a request or is left for a reason, and what counts is of a place that there is.
    #[test]
    fn any_record_comes_to_something(
        record in prop::collection::hash_map(prop::sample::select(&NAMES[..]), value(), 0..14),
        time in 0.0..4e9f64,
        records in any::<bool>(),
    ) {
        let counts = if records { Counts::Records } else { Counts::Edges };
        let record: Map<_, _> =
            record.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let places = places();
        match read(&record, time, &places, counts) {
            Ok(request) => {
                prop_assert!(places.has(&request.place));
                prop_assert!((100..600).contains(&request.status));
                let mut requests = Requests::default();
                requests.add(request.clone());
                requests.add(request);
                let samples: Vec<_> = requests.into_samples().flat_map(|(_, of)| of).collect();
                prop_assert_eq!(samples[0].traffic.answered(), 2);
            }
            Err(left) => prop_assert!(Left::ALL.contains(&left)),
        }
    }
}
