//! A configuration as it is being written.

use std::fmt::Write;

use super::text::BANNER;

/// Lines, each as deep as the blocks around it.
pub(super) struct Out {
    text: String,
    depth: usize,
}

impl Out {
    pub(super) fn new() -> Self {
        Self { text: BANNER.to_owned(), depth: 0 }
    }

    pub(super) fn line(&mut self, line: impl AsRef<str>) {
        // Writing to memory does not fail.
        let _ = writeln!(self.text, "{:1$}{2}", "", self.depth * 4, line.as_ref());
    }

    pub(super) fn lines(&mut self, lines: &[&str]) {
        lines.iter().for_each(|line| self.line(line));
    }

    /// A block; one of the outermost stands apart from what is before it.
    pub(super) fn block(&mut self, head: impl AsRef<str>, inside: impl FnOnce(&mut Self)) {
        if self.depth == 0 {
            self.text.push('\n');
        }
        self.line(format!("{} {{", head.as_ref()));
        self.depth += 1;
        inside(self);
        self.depth -= 1;
        self.line("}");
    }

    /// A variable that depends on a text: by the first entry that fits, or `default`. All of it must be
    /// quoted where that is necessary.
    pub(super) fn map(
        &mut self,
        source: &str,
        variable: &str,
        default: &str,
        entries: impl IntoIterator<Item = (String, String)>,
    ) {
        self.block(format!("map {source} ${variable}"), |out| {
            out.line(format!("default {default};"));
            for (key, value) in entries {
                out.line(format!("{key} {value};"));
            }
        });
    }

    /// Has requests of which this is so answered with a status, which `error_page` may lead elsewhere.
    /// An `if` with anything but a `return` in it is not to be relied on.
    pub(super) fn return_if(&mut self, condition: &str, answer: impl AsRef<str>) {
        self.block(format!("if ({condition})"), |out| {
            out.line(format!("return {};", answer.as_ref()));
        });
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }
}
