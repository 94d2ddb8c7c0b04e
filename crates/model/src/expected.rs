//! What a value should have been, in words for those who write files and calls, and not programs.

/// What serde, the formats and the standard library say, and what is meant.
const WORDS: [(&str, &str); 17] = [
    ("expected u8", "expected a whole number from 0 to 255"),
    ("expected u16", "expected a whole number from 0 to 65535"),
    ("expected u32", "expected a whole number from 0 to 4294967295"),
    ("expected u64", "expected a whole number, 0 or greater"),
    ("expected usize", "expected a whole number, 0 or greater"),
    ("expected i64", "expected a whole number"),
    ("expected f64", "expected a number"),
    ("expected a boolean", "expected true or false"),
    ("expected a sequence", "expected a list, such as [\"a\", \"b\"]"),
    ("to a `u8`", "as a whole number from 0 to 255"),
    ("to a `u16`", "as a whole number from 0 to 65535"),
    ("to a `u32`", "as a whole number from 0 to 4294967295"),
    ("to a `u64`", "as a whole number, 0 or greater"),
    ("to a `i64`", "as a whole number"),
    ("invalid digit found in string", "expected a whole number, 0 or greater"),
    ("cannot parse integer from empty string", "expected a whole number"),
    ("number too large to fit in target type", "the number is too large"),
];

/// Puts what was said of a mistake into words. `keys` is what the format calls keys with their values,
/// such as `an object`.
#[must_use]
pub fn in_words(message: &str, keys: &str) -> String {
    let words = WORDS.iter().fold(message.to_owned(), |text, (said, meant)| {
        if text.contains(said) { text.replace(said, meant) } else { text }
    });
    let words = words.replace("expected a map", &format!("expected {keys}"));
    match words.split_once("expected struct ") {
        None => words,
        Some((before, name)) => {
            let rest = name.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_');
            format!("{before}expected {keys}{rest}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_told_by_what_they_take() {
        for (said, meant) in [
            (
                "port: expected u16 at line 2",
                "port: expected a whole number from 0 to 65535 at line 2",
            ),
            ("expected struct Keep at line 1", "expected an object at line 1"),
            ("expected a map", "expected an object"),
            ("missing field `u16`", "missing field `u16`"),
        ] {
            assert_eq!(in_words(said, "an object"), meant);
        }
    }
}
