//! From lines to instructions: directives, comments, continuations, and documents that stand in between.

/// The instructions, each in one line, and the character that escapes in them.
pub(super) fn instructions(text: &str) -> (Vec<String>, char) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let escape = escape(text);
    let mut instructions = Vec::new();
    let mut lines = text.lines();
    let mut whole = String::new();
    while let Some(line) = lines.next() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(part) = line.strip_suffix(escape) {
            whole.push_str(part);
            continue;
        }
        whole.push_str(line);
        for end in documents(&whole) {
            let _ = lines.by_ref().find(|line| end.is_the_end(line));
        }
        instructions.push(std::mem::take(&mut whole));
    }
    if !whole.is_empty() {
        instructions.push(whole);
    }
    (instructions, escape)
}

/// What the directive `escape` says. Directives stand before all else, also before any other comment.
fn escape(text: &str) -> char {
    for line in text.lines() {
        let Some((name, value)) =
            line.trim().strip_prefix('#').and_then(|line| line.split_once('='))
        else {
            break;
        };
        let name = name.trim();
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            break;
        }
        if name.eq_ignore_ascii_case("escape") {
            return if value.trim() == "`" { '`' } else { '\\' };
        }
    }
    '\\'
}

/// The line with which a document (`<<NAME`) ends.
struct End<'l> {
    name: &'l str,
    /// Tabs before it do not count.
    indented: bool,
}

impl End<'_> {
    fn is_the_end(&self, line: &str) -> bool {
        let line = if self.indented { line.trim_start_matches('\t') } else { line };
        line == self.name
    }
}

/// The documents that begin in an instruction, which is one that takes them.
fn documents(instruction: &str) -> Vec<End<'_>> {
    let word = instruction.split_whitespace().next().unwrap_or_default();
    if !["RUN", "COPY", "ADD"].iter().any(|takes| word.eq_ignore_ascii_case(takes)) {
        return Vec::new();
    }
    instruction.split_whitespace().filter_map(document).collect()
}

/// `<<NAME`, `<<-NAME`, `<<"NAME"`, as a word of its own or behind the number of a stream.
fn document(word: &str) -> Option<End<'_>> {
    let rest = word.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix("<<")?;
    let (rest, indented) = match rest.strip_prefix('-') {
        Some(rest) => (rest, true),
        None => (rest, false),
    };
    let name = ['"', '\''].iter().find_map(|quote| rest.strip_prefix(*quote)?.strip_suffix(*quote));
    let name = name.unwrap_or(rest);
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    (!name.is_empty() && name.bytes().all(plain)).then_some(End { name, indented })
}
