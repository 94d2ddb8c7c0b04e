//! What a text changes in a service's settings: setting by setting, and line by line.

use similar::{ChangeTag, TextDiff};

/// So many lines that stay stand around those that do not.
const AROUND: usize = 3;

/// A line of a difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DiffLine {
    /// What becomes of it: `+`, `−`, nothing, or `…` for lines that stay and are not shown.
    pub(crate) sign: &'static str,
    /// The same as the name of a class.
    pub(crate) class: &'static str,
    pub(crate) text: String,
}

impl DiffLine {
    /// The lines that differ between two texts, with a few around them.
    pub(crate) fn all(before: &str, after: &str) -> Vec<Self> {
        let diff = TextDiff::from_lines(before, after);
        let mut lines = Vec::new();
        let mut shown_up_to = 0;
        for group in diff.grouped_ops(AROUND) {
            if group.first().is_some_and(|first| first.old_range().start > shown_up_to) {
                lines.push(Self { sign: "…", class: "left-out", text: String::new() });
            }
            for op in &group {
                lines.extend(
                    diff.iter_changes(op).map(|change| Self::of(change.tag(), change.value())),
                );
            }
            shown_up_to = group.last().map_or(shown_up_to, |last| last.old_range().end);
        }
        lines
    }

    fn of(tag: ChangeTag, text: &str) -> Self {
        let (sign, class) = match tag {
            ChangeTag::Equal => ("", "stays"),
            ChangeTag::Delete => ("−", "goes"),
            ChangeTag::Insert => ("+", "comes"),
        };
        Self { sign, class, text: text.trim_end().to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_differ_are_shown_with_those_around_them() {
        let before = "a\nb\nc\nd\ne\nf\ng\n";
        let after = "a\nb\nc\nd\ne\nx\ng\n";
        let lines = DiffLine::all(before, after);
        let told: Vec<_> = lines.iter().map(|line| format!("{}{}", line.sign, line.text)).collect();
        assert_eq!(told, ["…", "c", "d", "e", "−f", "+x", "g"]);
        assert_eq!(DiffLine::all(before, before), []);
    }
}
