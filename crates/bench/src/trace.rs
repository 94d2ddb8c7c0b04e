//! What Chromium's tracing says of a page that was loaded. The figures are those of Lighthouse
//! (<https://developer.chrome.com/docs/lighthouse/performance/performance-scoring>), without its simulation
//! of a slow network.

use serde_json::Value;

/// The categories of the events below.
pub(crate) const CATEGORIES: &str = "toplevel,loading,devtools.timeline,blink.user_timing";

/// A task of the main thread that takes longer keeps a press waiting, in microseconds.
const LONG: f64 = 50_000.0;

/// How a page came.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Loaded {
    /// Milliseconds from the navigation's start until something is seen.
    pub(crate) first_paint: f64,
    /// The same until the largest thing is seen.
    pub(crate) largest_paint: f64,
    /// Milliseconds by which tasks after the first paint took longer than 50 ms each.
    pub(crate) blocked: f64,
    /// How far things moved by themselves, as Chromium scores it.
    pub(crate) shifted: f64,
}

impl Loaded {
    /// Reads the events of one navigation to a page whose address begins so; none when the trace has not
    /// all of it.
    pub(crate) fn read(events: &[Value], address: &str) -> Option<Self> {
        let begins = events.iter().rev().find(|event| {
            event["name"] == "navigationStart"
                && event["args"]["data"]["documentLoaderURL"]
                    .as_str()
                    .is_some_and(|url| url.starts_with(address))
        })?;
        let began = at(begins)?;
        let own = |event: &&Value| {
            event["pid"] == begins["pid"] && at(event).is_some_and(|time| time >= began)
        };
        let named = |name: &'static str| {
            events.iter().filter(own).filter(move |event| event["name"] == name)
        };
        let first = at(named("firstContentfulPaint").next()?)?;
        let largest = named("largestContentfulPaint::Candidate").filter_map(at).next_back()?;
        let tasks = events.iter().filter(own).filter(|event| event["tid"] == begins["tid"]);
        let tasks = tasks
            .filter(|event| event["name"].as_str().is_some_and(|name| name.ends_with("RunTask")));
        let tasks = tasks.filter(|event| at(event).is_some_and(|time| time >= first));
        let blocked =
            tasks.filter_map(|task| task["dur"].as_f64()).map(|took| (took - LONG).max(0.0));
        let shifts = named("LayoutShift").map(|event| &event["args"]["data"]);
        let shifts = shifts.filter(|data| data["had_recent_input"] != true);
        Some(Self {
            first_paint: (first - began) / 1e3,
            largest_paint: (largest - began) / 1e3,
            blocked: blocked.sum::<f64>() / 1e3,
            shifted: shifts.filter_map(|data| data["score"].as_f64()).sum::<f64>() + 0.0,
        })
    }
}

/// When it was, in microseconds of a clock of the browser's.
fn at(event: &Value) -> Option<f64> {
    event["ts"].as_f64()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(name: &str, ts: u64, more: &Value) -> Value {
        let mut event =
            json!({ "name": name, "ts": ts, "pid": 7, "tid": 1, "args": { "data": more } });
        event["dur"] = event["args"]["data"]["dur"].clone();
        event
    }

    #[test]
    fn the_last_navigation_counts_and_tasks_before_the_first_paint_do_not() {
        let address = json!({ "documentLoaderURL": "http://bench/services/shop" });
        let events = [
            event("navigationStart", 1_000, &address),
            event("firstContentfulPaint", 2_000, &json!({})),
            event("navigationStart", 10_000, &address),
            event("ThreadControllerImpl::RunTask", 11_000, &json!({ "dur": 90_000 })),
            event("firstContentfulPaint", 50_000, &json!({})),
            event("largestContentfulPaint::Candidate", 60_000, &json!({})),
            event("largestContentfulPaint::Candidate", 90_000, &json!({})),
            event("ThreadControllerImpl::RunTask", 95_000, &json!({ "dur": 70_000 })),
            event("ThreadControllerImpl::RunTask", 170_000, &json!({ "dur": 40_000 })),
            event("LayoutShift", 180_000, &json!({ "score": 0.25, "had_recent_input": false })),
            event("LayoutShift", 190_000, &json!({ "score": 0.5, "had_recent_input": true })),
        ];
        let expected =
            Loaded { first_paint: 40.0, largest_paint: 80.0, blocked: 20.0, shifted: 0.25 };
        assert_eq!(Loaded::read(&events, "http://bench/services/shop"), Some(expected));
        assert_eq!(Loaded::read(&events, "http://bench/other"), None);
    }
}
