//! Amounts and shares as people say them, and text that does nothing but be read.

use std::borrow::Cow;

use launcher_model::Weight;
use launcher_model::route::Weights;

/// A number of things: `1 edge`, `2 edges`.
pub(crate) fn count(number: u64, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

/// A length of time that was measured in microseconds, to two or three digits.
pub(crate) fn micros(us: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "for people, who read three digits")]
    let ms = us as f64 / 1e3;
    match us {
        0..100_000 => format!("{ms:.1} ms"),
        100_000..1_000_000 => format!("{ms:.0} ms"),
        1_000_000..60_000_000 => format!("{:.1} s", ms / 1e3),
        _ => format!("{} min {} s", us / 60_000_000, us / 1_000_000 % 60),
    }
}

/// Shares of the traffic: `v2`, or `v1 90 %, v2 10 %`; none when nothing is live.
pub(crate) fn shares(weights: &Weights) -> Option<String> {
    let some = weights.iter().filter(|(_, weight)| weight.percent() > 0);
    let texts: Vec<String> = some
        .map(|(version, weight)| match *weight {
            Weight::ALL => version.to_string(),
            part => format!("{version} {} %", part.percent()),
        })
        .collect();
    (!texts.is_empty()).then(|| texts.join(", "))
}

/// One line, without what a terminal or a client of a chat would obey: control characters, and those that
/// turn the direction of the text around them.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    let is_obeyed = |c: char| {
        c.is_control()
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
    };
    if !text.contains(is_obeyed) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|c| if is_obeyed(c) { ' ' } else { c }).collect())
}

/// At most so many characters, the last of which then says that there were more.
pub(crate) fn shortened(text: &str, longest: usize) -> Cow<'_, str> {
    match text.char_indices().nth(longest) {
        None => Cow::Borrowed(text),
        Some(_) => {
            let kept: String = text.chars().take(longest.saturating_sub(1)).collect();
            Cow::Owned(format!("{}…", kept.trim_end()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_said_as_people_do() {
        assert_eq!((count(1, "edge"), count(2, "edge")), ("1 edge".into(), "2 edges".into()));
        let said = [0, 4_120, 123_456, 1_250_000, 61_000_000].map(micros);
        assert_eq!(said, ["0.0 ms", "4.1 ms", "123 ms", "1.2 s", "1 min 1 s"]);
    }

    #[test]
    fn what_is_obeyed_becomes_a_space() {
        assert_eq!(harmless("a\r\nQUIT\u{3}04\u{202e}é"), "a  QUIT 04 é");
        assert!(matches!(harmless("täglich"), Cow::Borrowed(_)));
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(shortened("äöü", 3), "äöü");
        assert_eq!(shortened("äö üß", 4), "äö…");
    }
}
