//! Numbers as people read them.

use crate::measure::Unit;

/// A number with its unit, short.
#[must_use]
pub fn in_words(value: f64, unit: Unit) -> String {
    match unit {
        Unit::PerSecond => format!("{}/s", thousands(value)),
        Unit::Count | Unit::Processors => thousands(value),
        Unit::Milliseconds if value >= 1000.0 => format!("{} s", digits(value / 1000.0)),
        Unit::Milliseconds => format!("{} ms", digits(value)),
        Unit::Bytes => bytes(value),
        Unit::BytesPerSecond => format!("{}/s", bytes(value)),
    }
}

fn thousands(value: f64) -> String {
    match value {
        1e6.. => format!("{}M", digits(value / 1e6)),
        1e4.. => format!("{}k", digits(value / 1e3)),
        _ => digits(value),
    }
}

fn bytes(value: f64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut unit) = (value, 0);
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{} {}", digits(value), UNITS[unit])
}

/// Three digits that say something.
fn digits(value: f64) -> String {
    let decimals = match value.abs() {
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        _ => 3,
    };
    let text = format!("{value:.decimals$}");
    if !text.contains('.') {
        return text;
    }
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_have_their_unit() {
        for (value, unit, told) in [
            (0.0, Unit::PerSecond, "0/s"),
            (0.25, Unit::Processors, "0.25"),
            (1234.0, Unit::PerSecond, "1234/s"),
            (52_340.0, Unit::PerSecond, "52.3k/s"),
            (3_000_000.0, Unit::Count, "3M"),
            (0.4567, Unit::Milliseconds, "0.457 ms"),
            (12.04, Unit::Milliseconds, "12 ms"),
            (2500.0, Unit::Milliseconds, "2.5 s"),
            (268_435_456.0, Unit::Bytes, "256 MiB"),
            (1536.0, Unit::BytesPerSecond, "1.5 KiB/s"),
        ] {
            assert_eq!(in_words(value, unit), told);
        }
    }
}
