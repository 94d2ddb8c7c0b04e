//! What Graphite, collectors and access logs tell.

use jiff::Timestamp;
use launcher_model::{ServiceName, VersionNumber};
use launcher_telemetry::access::{Counts, Place, Places, Requests, Seen, read};
use launcher_telemetry::fuzz;
use serde_json::{Map, Value, json};

/// A number takes so many bytes of an answer at the least.
const LEAST: usize = 5;

/// Numbers are finite, in order, and no more than there were bytes for; of steps there are as many averages.
pub(crate) fn graphite_answer(bytes: &[u8]) {
    for numbers in fuzz::graphite_answer(bytes).into_iter().flatten().map(|(_, numbers)| numbers) {
        assert!(numbers.iter().all(|(_, number)| number.is_finite()));
        assert!(numbers.is_sorted_by_key(|(at, _)| *at));
        assert!(numbers.len() <= bytes.len() / LEAST);
        let averages = fuzz::graphite_averages(&numbers, 3);
        assert_eq!(averages.len(), 3);
        assert!(averages.into_iter().flatten().all(f64::is_finite));
    }
}

/// A line with when to come again, and behind it an answer: whatever it is, what is said of it fits a line.
pub(crate) fn collector_answer(bytes: &[u8]) {
    let (when, body) = crate::pieces::first_line(bytes);
    let when = std::str::from_utf8(when).ok();
    for status in [200, 400, 401, 429, 503] {
        for measured in [false, true] {
            let now = Timestamp::UNIX_EPOCH;
            let answer = fuzz::collector_answer(measured, status, when, body, now);
            assert!(
                answer.words.chars().count() < 3200 && !answer.words.contains(char::is_control)
            );
            assert_eq!(answer.again, matches!(status, 429 | 503));
            assert!(answer.after.is_none_or(|after| after.as_secs() <= 300));
        }
    }
}

/// What a container prints, and the same as a record of its own: a request is one of a place that is
/// known, and can be added to others.
pub(crate) fn access_log(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(service) = ServiceName::new("shop") else { panic!("it is a name") };
    let place = Place { service, version: VersionNumber(1) };
    let address = std::net::SocketAddr::from(([192, 0, 2, 7], 80));
    let id = "0123456789abcdef".to_owned();
    let mut places = Places::default();
    let seen = Seen { id: id.clone(), addresses: vec![address], place: place.clone() };
    places.look(0, [seen]);
    let printed = json!({ "container_id": id, "log": text });
    let records = [Some(printed), serde_json::from_str(text).ok()].into_iter().flatten();
    let mut all = Requests::default();
    for record in records {
        let Value::Object(record) = record else { continue };
        requests(&record, &places, &place, &mut all);
    }
}

fn requests(record: &Map<String, Value>, places: &Places, place: &Place, all: &mut Requests) {
    for counts in [Counts::Edges, Counts::Records] {
        let Ok(request) = read(record, 1.7e9, places, counts) else { continue };
        assert_eq!(request.place, *place);
        assert!((100..600).contains(&request.status));
        for number in [request.received, request.sent, request.again] {
            assert!(number <= 1 << 50, "{request:?}");
        }
        assert!(request.took_us.is_none_or(|took| took <= 1 << 50), "{request:?}");
        // A second more than it may take, behind the time of its record.
        assert!((1_700_000_000..=1_700_000_000 + (1 << 50) / 1_000_000 + 1).contains(&request.at));
        all.add(request);
    }
}
