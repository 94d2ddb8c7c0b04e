//! A build's log as a person reads it on a terminal.

use launcher_model::build::{LogEntry, StepState};

/// An entry in words. Lines of programs are stripped of what would act on a terminal.
#[must_use]
pub fn narrate(entry: &LogEntry) -> String {
    match entry {
        LogEntry::Began { step, .. } => format!("==> {}", step.as_str()),
        LogEntry::Line { text, .. } => format!("    {}", clean(text)),
        LogEntry::Ended { state, took_ms, note, .. } => {
            let note = note.as_ref().map(|note| format!(": {}", clean(note))).unwrap_or_default();
            match state {
                StepState::Skipped => format!("    skipped{note}"),
                StepState::Cancelled => format!("    broken off after {}{note}", seconds(*took_ms)),
                StepState::Failed => format!("    failed after {}{note}", seconds(*took_ms)),
                StepState::Passed | StepState::Running => {
                    format!("    done in {}{note}", seconds(*took_ms))
                }
            }
        }
        LogEntry::Note { text, .. } => clean(text),
    }
}

/// A length of time as people say it.
fn seconds(ms: u64) -> String {
    match ms {
        0..=9_999 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        10_000..=119_999 => format!("{} s", ms / 1000),
        _ => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1000),
    }
}

/// A text without the characters that a terminal would act on. Of a line that was written over and over,
/// as progress is, the last state stays.
#[must_use]
pub fn clean(text: &str) -> String {
    let last = text.trim_end_matches('\r').rsplit('\r').next().unwrap_or_default();
    let mut clean = String::with_capacity(last.len());
    let mut chars = last.chars();
    while let Some(c) = chars.next() {
        match c {
            // A control sequence (ECMA-48): its parameters, up to the letter that ends it.
            '\u{1b}' => {
                if chars.clone().next() == Some('[') {
                    chars.next();
                    chars.by_ref().find(|c| ('\u{40}'..='\u{7e}').contains(c));
                }
            }
            '\t' => clean.push_str("    "),
            c if c.is_control() => {}
            c => clean.push(c),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn what_acts_on_a_terminal_is_taken_away() {
        for (text, shown) in [
            ("plain text, ü", "plain text, ü"),
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("a\tb", "a    b"),
            ("10%\r50%\r100%\r", "100%"),
            ("\u{7}bell\u{0}", "bell"),
            ("\u{1b}]0;title\u{7}", "]0;title"),
            ("\u{9b}31m", "31m"),
            ("\u{1b}[", ""),
        ] {
            assert_eq!(clean(text), shown, "{text:?}");
        }
    }
}
