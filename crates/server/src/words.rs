//! Counts and lengths of time, as people read them.

/// A number and what it counts.
pub(crate) fn count(number: usize, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}

/// A length of time from microseconds, with as many digits as say something.
pub(crate) fn micros(us: u64) -> String {
    let ms = us as f64 / 1000.0;
    match us {
        0..10_000 => format!("{ms:.1} ms"),
        10_000..1_000_000 => format!("{ms:.0} ms"),
        1_000_000..60_000_000 => format!("{:.1} s", ms / 1000.0),
        _ => format!("{} min", us / 60_000_000),
    }
}

/// Shares of the traffic: `v2`, `v1 90 % + v2 10 %`; empty when nothing is live.
pub(crate) fn shares(weights: &launcher_model::route::Weights) -> String {
    match weights.len() {
        1 => weights.keys().map(ToString::to_string).collect(),
        _ => {
            let shares =
                weights.iter().map(|(version, weight)| format!("{version} {} %", weight.percent()));
            shares.collect::<Vec<_>>().join(" + ")
        }
    }
}

/// How long something lasted.
pub(crate) fn lasted(time: jiff::SignedDuration) -> String {
    let seconds = u64::try_from(time.as_secs()).unwrap_or(0);
    match seconds {
        0..60 => micros(u64::try_from(time.as_micros()).unwrap_or(0)),
        60..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}
