//! What OpenTelemetry is told that what is measured is called.
//!
//! All names begin with `launcher.`: those of the conventions are what the applications themselves tell, and
//! the same requests must not be counted twice under one name. Attributes are those of the conventions where
//! there are some (<https://opentelemetry.io/docs/specs/semconv/>).

use launcher_model::measure::{HostUsage, Traffic, Usage};
use opentelemetry_proto::tonic::common::v1::KeyValue;

use crate::key::{Key, Value};
use crate::otlp::words::{self, text};

/// A metric.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Instrument {
    pub(super) name: &'static str,
    /// As UCUM has it.
    pub(super) unit: &'static str,
    pub(super) description: &'static str,
}

/// A number as it is told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    Whole(u64),
    Seconds(f64),
}

macro_rules! instruments {
    ($($constant:ident: $name:literal, $unit:literal, $description:literal;)*) => {
        $(pub(super) static $constant: Instrument =
            Instrument { name: $name, unit: $unit, description: $description };)*
        #[cfg(test)]
        pub(super) static ALL: &[&Instrument] = &[$(&$constant),*];
    };
}

instruments! {
    REQUESTS: "launcher.requests", "{request}", "Requests answered, by the class of the status.";
    FAILED: "launcher.requests.failed", "{request}", "Requests whose container could not be reached, broke off or took too long.";
    RETRIED: "launcher.requests.retried", "{request}", "Requests that were sent a second time.";
    IN_FLIGHT: "launcher.requests.in_flight", "{request}", "Requests under way: the most that were seen at one time.";
    LATENCY: "launcher.request.duration", "s", "From the whole head of a request to the end of its response.";
    EJECTED: "launcher.containers.ejected", "{container}", "How often a container was passed over for a while.";
    CONNECTIONS: "launcher.connections", "{connection}", "Upgraded connections under way: the most that were seen at one time.";
    BODIES: "launcher.bodies.io", "By", "Bytes of bodies, from clients (receive) and to them (transmit).";
    CONTAINERS: "launcher.containers", "{container}", "Containers that run.";
    RESTARTS: "launcher.containers.restarts", "{restart}", "How often an engine has started containers again.";
    OOM_KILLS: "launcher.containers.oom_kills", "{process}", "Processes that the kernel ended because memory had run out.";
    CPU: "launcher.containers.cpu.time", "s", "Processor time that containers have used.";
    THROTTLED: "launcher.containers.cpu.throttled", "s", "For how long containers were held back by their limit of processor time.";
    MEMORY: "launcher.containers.memory.usage", "By", "Memory that containers use.";
    MEMORY_LIMIT: "launcher.containers.memory.limit", "By", "Memory that containers may use.";
    NETWORK: "launcher.containers.network.io", "By", "Bytes that containers have received and transmitted.";
    DISK: "launcher.containers.disk.io", "By", "Bytes that containers have read and written.";
    HOST_CPU: "launcher.host.cpu.time", "s", "Processor time that a host has used, whoever used it.";
    HOST_CPUS: "launcher.host.cpu.count", "{cpu}", "Processors that a host has.";
    HOST_MEMORY: "launcher.host.memory.usage", "By", "Memory in use on a host.";
    HOST_MEMORY_TOTAL: "launcher.host.memory.limit", "By", "Memory that a host has.";
    HOST_NETWORK: "launcher.host.network.io", "By", "Bytes that a host has received and transmitted.";
    HOST_DISK: "launcher.host.disk.io", "By", "Bytes that a host has read and written.";
}

/// The class of the status, which has no name in the conventions.
const STATUS_CLASS: &str = "launcher.status_class";
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
const NETWORK_DIRECTION: &str = "network.io.direction";
const DISK_DIRECTION: &str = "disk.io.direction";

/// What says of what something was measured.
pub(super) fn key_attributes(key: &Key) -> Vec<KeyValue> {
    match key {
        Key::Traffic(service, version) | Key::Usage(service, version) => vec![
            text(words::SERVICE, service.to_string()),
            text(words::ABOUT_VERSION, version.to_string()),
        ],
        Key::Host(host) => vec![text("host.name", host)],
    }
}

/// Something that is counted, with what tells it apart from others of its name.
type Count = (&'static Instrument, Option<KeyValue>, Number);

/// What was counted. What was not is left out: nothing added is nothing to tell.
pub(super) fn counts(value: &Value) -> Vec<Count> {
    let mut counts = match value {
        Value::Traffic(traffic) => of_traffic(traffic),
        Value::Usage(usage) => of_usage(usage),
        Value::Host(usage) => of_host(usage),
    };
    counts.retain(|(_, _, number)| !matches!(number, Number::Whole(0) | Number::Seconds(0.0)));
    counts
}

fn of_traffic(traffic: &Traffic) -> Vec<Count> {
    let classes = CLASSES.iter().zip(traffic.requests);
    let classes = classes
        .map(|(class, count)| (&REQUESTS, Some(text(STATUS_CLASS, *class)), Number::Whole(count)));
    let mut counts: Vec<Count> = classes.collect();
    counts.push((&FAILED, None, Number::Whole(traffic.failed)));
    counts.push((&RETRIED, None, Number::Whole(traffic.retried)));
    counts.push((&EJECTED, None, Number::Whole(traffic.ejected)));
    counts.extend(network(&BODIES, traffic.received, traffic.sent));
    counts
}

fn of_usage(usage: &Usage) -> Vec<Count> {
    let mut counts = vec![
        (&CPU, None, seconds(usage.cpu_us)),
        (&THROTTLED, None, seconds(usage.throttled_us)),
        (&OOM_KILLS, None, Number::Whole(usage.oom_kills)),
        (&RESTARTS, None, Number::Whole(usage.restarts)),
    ];
    counts.extend(network(&NETWORK, usage.received, usage.sent));
    counts.extend(disk(&DISK, usage.read, usage.written));
    counts
}

fn of_host(usage: &HostUsage) -> Vec<Count> {
    let mut counts = vec![(&HOST_CPU, None, seconds(usage.cpu_us))];
    counts.extend(network(&HOST_NETWORK, usage.received, usage.sent));
    counts.extend(disk(&HOST_DISK, usage.read, usage.written));
    counts
}

fn network(of: &'static Instrument, received: u64, sent: u64) -> [Count; 2] {
    [
        (of, Some(text(NETWORK_DIRECTION, "receive")), Number::Whole(received)),
        (of, Some(text(NETWORK_DIRECTION, "transmit")), Number::Whole(sent)),
    ]
}

fn disk(of: &'static Instrument, read: u64, written: u64) -> [Count; 2] {
    [
        (of, Some(text(DISK_DIRECTION, "read")), Number::Whole(read)),
        (of, Some(text(DISK_DIRECTION, "write")), Number::Whole(written)),
    ]
}

#[expect(clippy::cast_precision_loss, reason = "times stay below 2^53 µs")]
fn seconds(us: u64) -> Number {
    Number::Seconds(us as f64 / 1e6)
}

/// What is so high at a time, and not counted.
pub(super) fn levels(value: &Value) -> Vec<(&'static Instrument, Number)> {
    let whole = |count: u32| Number::Whole(count.into());
    match value {
        Value::Traffic(traffic) => vec![
            (&IN_FLIGHT, Number::Whole(traffic.in_flight)),
            (&CONNECTIONS, Number::Whole(traffic.connections)),
        ],
        Value::Usage(usage) => {
            let mut levels = vec![
                (&CONTAINERS, whole(usage.containers)),
                (&MEMORY, Number::Whole(usage.memory)),
            ];
            if usage.memory_limit > 0 {
                levels.push((&MEMORY_LIMIT, Number::Whole(usage.memory_limit)));
            }
            levels
        }
        Value::Host(usage) => vec![
            (&HOST_CPUS, whole(usage.cpus)),
            (&HOST_MEMORY, Number::Whole(usage.memory)),
            (&HOST_MEMORY_TOTAL, Number::Whole(usage.memory_total)),
        ],
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_name_is_there_once_and_explained() {
        let names: BTreeSet<&str> = ALL.iter().map(|of| of.name).collect();
        assert_eq!(names.len(), ALL.len());
        assert!(ALL.iter().all(|of| of.name.starts_with("launcher.")));
        assert!(ALL.iter().all(|of| of.description.ends_with('.') && !of.unit.is_empty()));
    }

    #[test]
    fn no_name_is_told_that_is_not_documented() {
        let page = include_str!("../../../../../docs/opentelemetry.md");
        for of in ALL {
            assert!(page.contains(&format!("`{}`", of.name)), "{}", of.name);
        }
    }

    #[test]
    fn nothing_added_is_not_told() {
        assert_eq!(counts(&Value::Traffic(Traffic::default())), []);
        assert_eq!(counts(&Value::Usage(Usage::default())), []);
        let one = Traffic { requests: [0, 0, 0, 0, 7], ..Traffic::default() };
        let of_class = Some(text(STATUS_CLASS, "5xx"));
        assert_eq!(counts(&Value::Traffic(one)), [(&REQUESTS, of_class, Number::Whole(7))]);
    }
}
