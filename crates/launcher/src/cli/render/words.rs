//! Times, amounts and counts as people say them.

use jiff::Timestamp;
use launcher_model::Weight;
use launcher_model::environment::{EnvironmentState, Wanted};
use launcher_model::route::Weights;
use launcher_server::api::views::EnvironmentSummary;

/// How far an environment has come, and where it goes from there while its containers follow what is
/// wanted.
pub(super) fn state(environment: &EnvironmentSummary) -> &'static str {
    use EnvironmentState as S;
    match (environment.wanted, environment.state) {
        (_, S::Destroyed) => S::Destroyed.as_str(),
        (Wanted::Gone, _) => "being destroyed",
        (Wanted::Stopped, S::Creating | S::Ready) => "stopping",
        (Wanted::Running, S::Stopped) => "starting",
        (_, S::Stopped) if environment.asleep => "asleep",
        (_, state) => state.as_str(),
    }
}

/// How long ago something was: `12 s ago`, `3 min ago`; a date when it is long past.
pub(super) fn ago(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(then).as_secs();
    match seconds {
        ..=0 => "now".to_owned(),
        1..=59 => format!("{seconds} s ago"),
        60..=3_599 => format!("{} min ago", seconds / 60),
        3_600..=86_399 => format!("{} h ago", seconds / 3_600),
        86_400..=2_591_999 => format!("{} ago", count(seconds.unsigned_abs() / 86_400, "day")),
        _ => then.strftime("%Y-%m-%d").to_string(),
    }
}

/// How long until something is: `in 12 s`, `in 3 min`.
pub(super) fn until(then: Timestamp, now: Timestamp) -> String {
    let seconds = then.duration_since(now).as_secs();
    match seconds {
        ..=0 => "now".to_owned(),
        1..=59 => format!("in {seconds} s"),
        60..=3_599 => format!("in {} min", seconds / 60),
        3_600..=86_399 => format!("in {} h", seconds / 3_600),
        _ => format!("in {}", count(seconds.unsigned_abs() / 86_400, "day")),
    }
}

/// A number of things: `1 edge`, `2 edges`.
pub(super) fn count(number: u64, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

/// A length of time that was measured in microseconds, to two or three digits.
pub(super) fn micros(us: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "for people, who read three digits")]
    let us_f = us as f64;
    match us {
        ..1_000 => format!("{us} µs"),
        1_000..100_000 => format!("{:.1} ms", us_f / 1e3),
        100_000..1_000_000 => format!("{:.0} ms", us_f / 1e3),
        1_000_000..60_000_000 => format!("{:.1} s", us_f / 1e6),
        _ => format!("{} min {} s", us / 60_000_000, us / 1_000_000 % 60),
    }
}

/// The same, measured in milliseconds.
pub(in crate::cli) fn millis(ms: u64) -> String {
    if ms == 0 { "0 ms".to_owned() } else { micros(ms.saturating_mul(1_000)) }
}

/// An amount of memory: `16.0 GiB`.
pub(super) fn memory(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "for people, who read three digits")]
    let bytes = bytes as f64;
    let gib = bytes / f64::from(1 << 30);
    if gib >= 1.0 { format!("{gib:.1} GiB") } else { format!("{:.0} MiB", gib * 1024.0) }
}

/// Shares of the traffic: `v2`, or `v1 90%, v2 10%`; a dash when nothing is live.
pub(super) fn shares(weights: &Weights) -> String {
    let some = weights.iter().filter(|(_, weight)| weight.percent() > 0);
    let texts: Vec<String> = some
        .map(|(version, weight)| match *weight {
            Weight::ALL => version.to_string(),
            part => format!("{version} {}%", part.percent()),
        })
        .collect();
    if texts.is_empty() { "-".to_owned() } else { texts.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_as_people_tell_them() {
        let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        for (then, told) in [
            ("2026-11-24T12:00:05Z", "now"),
            ("2026-11-24T11:59:59.5Z", "now"),
            ("2026-11-24T11:59:48Z", "12 s ago"),
            ("2026-11-24T11:57:00Z", "3 min ago"),
            ("2026-11-24T02:00:00Z", "10 h ago"),
            ("2026-11-23T11:00:00Z", "1 day ago"),
            ("2026-11-04T11:00:00Z", "20 days ago"),
            ("2026-01-04T11:00:00Z", "2026-01-04"),
        ] {
            assert_eq!(ago(then.parse().unwrap(), now), told);
        }
    }

    #[test]
    fn lengths_of_time_have_few_digits() {
        for (us, told) in [
            (0, "0 µs"),
            (850, "850 µs"),
            (3_240, "3.2 ms"),
            (124_000, "124 ms"),
            (4_210_000, "4.2 s"),
            (125_000_000, "2 min 5 s"),
        ] {
            assert_eq!(micros(us), told);
        }
    }
}
