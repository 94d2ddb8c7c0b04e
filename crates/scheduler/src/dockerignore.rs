//! `.dockerignore`: which files of a folder are no part of what an image is built of.
//!
//! The rules are those of [Docker's reference](https://docs.docker.com/build/concepts/context/#dockerignore-files):
//! one pattern a line, read as Go's `filepath.Match` reads it, with `**` for any number of folders; the last
//! one that fits a path, or a folder above it, decides; `!` takes back in.

mod filter;

use std::borrow::Cow;

use regex::Regex;

pub use filter::filter;

/// A line of a `.dockerignore` that means nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of .dockerignore, {pattern:?}, is no pattern: {why}")]
pub struct InvalidPattern {
    /// Which line, counted from 1.
    pub line: usize,
    /// What stands there.
    pub pattern: String,
    /// What is wrong with it.
    pub why: String,
}

/// The patterns of a `.dockerignore`.
#[derive(Debug, Clone, Default)]
pub struct Ignore {
    rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
struct Rule {
    /// It takes back in what a rule before it leaves out.
    includes: bool,
    fits: Regex,
}

impl Ignore {
    /// The files that may hold the patterns for a Dockerfile, in the order in which they count: only the
    /// first that is there is read.
    #[must_use]
    pub fn files(dockerfile: &str) -> [String; 2] {
        [format!("{dockerfile}.dockerignore"), ".dockerignore".to_owned()]
    }

    /// Reads patterns. Whatever they say, the `dockerfile` and the file of the patterns are kept: the
    /// builder needs them.
    ///
    /// # Errors
    /// When a line is no pattern.
    pub fn parse(text: &str, dockerfile: &str) -> Result<Self, InvalidPattern> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut rules = Vec::new();
        for (at, line) in text.lines().enumerate() {
            if line.starts_with('#') || line.trim().is_empty() {
                continue;
            }
            let invalid =
                |why: String| InvalidPattern { line: at + 1, pattern: line.trim().to_owned(), why };
            rules.extend(read(line.trim()).map_err(invalid)?);
        }
        let mut ignore = Self { rules };
        let kept = Self::files(dockerfile).into_iter().chain([clean(dockerfile)]);
        for path in kept.filter(|path| ignore.excludes(path)).collect::<Vec<_>>() {
            let fits = Regex::new(&format!("^{}$", regex::escape(&path)));
            ignore.rules.extend(fits.ok().map(|fits| Rule { includes: true, fits }));
        }
        Ok(ignore)
    }

    /// Whether nothing is left out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether a path is left out, by itself or with a folder that it is in. It is written from the folder
    /// that is built, with `/`.
    #[must_use]
    pub fn excludes(&self, path: &str) -> bool {
        let mut excluded = false;
        for rule in &self.rules {
            // A rule that would change nothing is not looked at.
            if rule.includes == excluded && with_parents(path).any(|path| rule.fits.is_match(path))
            {
                excluded = !rule.includes;
            }
        }
        excluded
    }

    /// Whether nothing below a folder can be kept: it is left out, and no rule takes anything back in.
    #[must_use]
    pub fn excludes_all_below(&self, folder: &str) -> bool {
        !self.rules.iter().any(|rule| rule.includes) && self.excludes(folder)
    }
}

/// A path, and the folders that it is in.
fn with_parents(path: &str) -> impl Iterator<Item = &str> {
    let parents = path.match_indices('/').map(|(at, _)| &path[..at]);
    std::iter::once(path).chain(parents)
}

fn read(line: &str) -> Result<Option<Rule>, String> {
    let (includes, pattern) = match line.strip_prefix('!') {
        Some(rest) => (true, rest.trim()),
        None => (false, line),
    };
    if pattern.is_empty() {
        return Err("write a pattern behind the !".to_owned());
    }
    let pattern = clean(pattern);
    // The folder itself is never left out.
    if pattern == "." {
        return Ok(None);
    }
    let fits = Regex::new(&expression(&pattern)).map_err(|error| match error {
        regex::Error::Syntax(_) => "its brackets do not fit together".to_owned(),
        other => other.to_string(),
    })?;
    Ok(Some(Rule { includes, fits }))
}

/// A path without `.`, `..`, doubled slashes, and a slash at either end; `.` when nothing is left.
fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            // There is nothing above the root.
            ".." if path.starts_with('/') => {}
            part => parts.push(part),
        }
    }
    if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
}

/// The regular expression of a pattern.
fn expression(pattern: &str) -> String {
    let mut expression = String::from("^(?s:");
    let mut rest = pattern.chars().peekable();
    while let Some(char) = rest.next() {
        match char {
            '*' if rest.next_if_eq(&'*').is_some() => {
                rest.next_if_eq(&'/');
                expression.push_str(if rest.peek().is_some() { "(.*/)?" } else { ".*" });
            }
            '*' => expression.push_str("[^/]*"),
            '?' => expression.push_str("[^/]"),
            // A class has the same form, but for what only regular expressions know.
            '[' | ']' => expression.push(char),
            '\\' => expression.push_str(&escaped(rest.next().unwrap_or('\\'))),
            '^' | '-' => expression.push(char),
            char => expression.push_str(&escaped(char)),
        }
    }
    expression.push_str(")$");
    expression
}

fn escaped(char: char) -> Cow<'static, str> {
    regex::escape(char.encode_utf8(&mut [0; 4])).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ignore(text: &str) -> Ignore {
        Ignore::parse(text, "Dockerfile").unwrap()
    }

    /// Patterns, what they leave out, and what they keep; the first ones are the examples of Docker's
    /// reference.
    #[test]
    fn patterns_mean_what_docker_means_by_them() {
        let cases: &[(&str, &[&str], &[&str])] = &[
            (
                "*/temp*",
                &["somedir/temporary.txt", "somedir/temp", "somedir/temp/deep"],
                &["temp", "somedir/sub/temporary.txt"],
            ),
            (
                "*/*/temp*",
                &["somedir/subdir/temporary.txt"],
                &["somedir/temporary.txt", "a/b/c/temp"],
            ),
            ("temp?", &["tempa", "tempb", "tempa/x"], &["temp", "tempab", "dir/tempa"]),
            ("**/*.go", &["a.go", "a/b.go", "a/b/c.go"], &["a.god", "go"]),
            ("*.md\n!README.md", &["a.md"], &["README.md", "docs/a.md"]),
            (
                "*.md\n!README*.md\nREADME-secret.md",
                &["a.md", "README-secret.md"],
                &["README.md", "README-x.md"],
            ),
            ("*.md\nREADME-secret.md\n!README*.md", &["a.md"], &["README-secret.md"]),
            ("# *.md\n  # x", &["# x"], &["a.md"]),
            ("/foo/bar", &["foo/bar", "foo/bar/x"], &["foo", "a/foo/bar"]),
            ("foo/bar", &["foo/bar"], &["a/foo/bar"]),
            ("node_modules", &["node_modules", "node_modules/a/b"], &["web/node_modules"]),
            ("**/node_modules/", &["node_modules/a", "web/node_modules/a/b"], &["node_modules2"]),
            ("target\n!target/keep", &["target", "target/x"], &["target/keep", "target/keep/y"]),
            ("**", &["a", "a/b", ".git/config"], &[]),
            ("*\n!src\n!Cargo.*", &["a", "tests/x"], &["src/main.rs", "Cargo.toml"]),
            ("a/**", &["a/b", "a/b/c"], &["a", "b/a/c"]),
            ("a/**/z", &["a/z", "a/b/z", "a/b/c/z"], &["az", "a/zz"]),
            ("**/a.txt", &["a.txt", "x/y/a.txt"], &["ba.txt"]),
            ("[a-c].txt", &["a.txt", "c.txt"], &["d.txt", "-.txt"]),
            ("[^a-c].txt", &["d.txt"], &["a.txt"]),
            ("a\\*b", &["a*b"], &["axb"]),
            ("a.b+(c)|{d}$", &["a.b+(c)|{d}$"], &["axb+(c)|{d}$"]),
            ("  spaced out  ", &["spaced out"], &["spaced"]),
            ("./a/../b//c/", &["b/c"], &["a", "a/b/c"]),
            ("! x\n", &[], &["x"]),
            ("\u{feff}a", &["a"], &["b"]),
            (".\n/", &[], &["a"]),
            ("ä?", &["äö"], &["ä", "äöü"]),
            ("", &[], &["a"]),
        ];
        for (text, out, kept) in cases {
            let ignore = ignore(text);
            for path in *out {
                assert!(ignore.excludes(path), "{text:?} {path}");
            }
            for path in *kept {
                assert!(!ignore.excludes(path), "{text:?} {path}");
            }
        }
    }

    #[test]
    fn a_folder_is_not_looked_into_when_nothing_in_it_can_be_kept() {
        assert!(ignore("target").excludes_all_below("target"));
        assert!(!ignore("target").excludes_all_below("src"));
        assert!(!ignore("target\n!target/keep").excludes_all_below("target"));
    }

    #[test]
    fn what_the_builder_needs_is_kept() {
        let all = Ignore::parse("**", "docker/web.Dockerfile").unwrap();
        for path in ["docker/web.Dockerfile", "docker/web.Dockerfile.dockerignore", ".dockerignore"]
        {
            assert!(!all.excludes(path), "{path}");
        }
        assert!(all.excludes("Dockerfile") && all.excludes("docker/other"));
        assert!(!ignore("Dockerfile").excludes("Dockerfile"));
    }

    #[test]
    fn what_is_no_pattern_is_told_with_its_line() {
        let error = Ignore::parse("a\n\n[b\n", "Dockerfile").unwrap_err();
        assert_eq!((error.line, error.pattern.as_str()), (3, "[b"));
        assert!(Ignore::parse("!", "Dockerfile").is_err());
    }
}
