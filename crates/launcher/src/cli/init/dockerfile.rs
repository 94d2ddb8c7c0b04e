//! What a Dockerfile says about the image that comes out of it
//! ([reference](https://docs.docker.com/reference/dockerfile/)). Nothing is run, and what a base image says is
//! not known.

mod lines;
mod words;

use std::collections::BTreeMap;

use lines::instructions;
use words::{substituted, words};

/// What is of use here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// The TCP ports that it exposes, in their order.
    pub(super) ports: Vec<u16>,
    /// The URL that its own check asks for.
    pub(super) check: Option<Check>,
}

/// A URL of the container itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Check {
    /// Its port, when it has one.
    pub(super) port: Option<u16>,
    /// Its path.
    pub(super) path: String,
}

type Variables = BTreeMap<String, String>;

/// A stage, as far as it has come.
#[derive(Debug, Clone, Default)]
struct Stage {
    name: Option<String>,
    /// Of `ENV`: they go on to stages that begin with this one.
    env: Variables,
    /// Of `ARG`: they do not, and `ENV` counts more.
    args: Variables,
    facts: Facts,
}

/// Reads the last stage of a Dockerfile, which is the one that is built. None where there is no stage.
pub(super) fn read(text: &str) -> Option<Facts> {
    let (instructions, escape) = instructions(text);
    let mut file = File { escape, globals: Variables::new(), stages: Vec::new() };
    for line in &instructions {
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        file.take(&word.to_ascii_uppercase(), rest.trim());
    }
    file.stages.pop().map(|stage| stage.facts)
}

struct File {
    escape: char,
    /// Of `ARG` before the first stage: known in `FROM`, and in a stage that asks for them.
    globals: Variables,
    stages: Vec<Stage>,
}

impl File {
    fn take(&mut self, word: &str, rest: &str) {
        if word == "FROM" {
            self.begin(rest);
            return;
        }
        let escape = self.escape;
        let Some(stage) = self.stages.last_mut() else {
            if word == "ARG" {
                for (name, value) in
                    words(rest, &self.globals.clone(), escape).iter().map(|word| pair(word))
                {
                    self.globals.insert(name, value.unwrap_or_default());
                }
            }
            return;
        };
        let known = stage.known();
        match word {
            "ARG" => {
                for (name, value) in words(rest, &known, escape).iter().map(|word| pair(word)) {
                    let value = value.or_else(|| self.globals.get(&name).cloned());
                    stage.args.insert(name, value.unwrap_or_default());
                }
            }
            "ENV" => stage.set(rest, &known, escape),
            "EXPOSE" => {
                let told = words(rest, &known, escape);
                stage.facts.ports.extend(told.iter().filter_map(|word| port(word)));
            }
            "HEALTHCHECK" => stage.facts.check = check(&substituted(rest, &known, escape)),
            _ => {}
        }
    }

    /// `FROM [--platform=…] IMAGE [AS NAME]`.
    fn begin(&mut self, rest: &str) {
        let told = words(rest, &self.globals, self.escape);
        let mut told = told.iter().filter(|word| !word.starts_with("--"));
        let base = told.next().cloned().unwrap_or_default();
        let is_as = told.next().is_some_and(|word| word.eq_ignore_ascii_case("as"));
        let name = if is_as { told.next().map(|name| name.to_ascii_lowercase()) } else { None };
        let base = base.to_ascii_lowercase();
        let before = self.stages.iter().rev().find(|stage| stage.name.as_ref() == Some(&base));
        let mut stage = before.cloned().unwrap_or_default();
        stage.args.clear();
        stage.name = name;
        self.stages.push(stage);
    }
}

impl Stage {
    fn known(&self) -> Variables {
        let mut known = self.args.clone();
        known.extend(self.env.clone());
        known
    }

    /// `ENV NAME=VALUE …`, or `ENV NAME VALUE` as it was written long ago.
    fn set(&mut self, rest: &str, known: &Variables, escape: char) {
        let first = rest.split_whitespace().next().unwrap_or_default();
        if !first.contains('=') {
            let value = rest[first.len()..].trim();
            self.env.insert(first.to_owned(), substituted(value, known, escape));
            return;
        }
        for (name, value) in words(rest, known, escape).iter().map(|word| pair(word)) {
            self.env.insert(name, value.unwrap_or_default());
        }
    }
}

fn pair(word: &str) -> (String, Option<String>) {
    match word.split_once('=') {
        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
        None => (word.to_owned(), None),
    }
}

/// `8080`, `8080/tcp`, or the first of `8080-8090`.
fn port(word: &str) -> Option<u16> {
    let (ports, protocol) = word.split_once('/').unwrap_or((word, "tcp"));
    let first = ports.split('-').next().unwrap_or_default();
    let port = first.parse::<u16>().ok().filter(|port| *port > 0);
    port.filter(|_| protocol.eq_ignore_ascii_case("tcp"))
}

/// The first URL in a check's command that is the container's own.
fn check(command: &str) -> Option<Check> {
    let (_, rest) = command.split_once("http://")?;
    let end = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '|' | ';' | ')' | '&' | '`');
    let url = rest.split(end).next().unwrap_or_default();
    let (authority, path) = match url.find('/') {
        Some(at) => url.split_at(at),
        None => (url, "/"),
    };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok()),
        None => (authority, None),
    };
    let own = ["localhost", "127.0.0.1", "0.0.0.0", "[::1]"].contains(&host);
    let plain = path.bytes().all(|b| b.is_ascii_graphic() && b != b'$');
    let path = path.split(['?', '#']).next().unwrap_or_default().to_owned();
    (own && plain).then_some(Check { port, path })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports(text: &str) -> Vec<u16> {
        read(text).unwrap_or_default().ports
    }

    #[test]
    fn ports_are_found_wherever_they_are_said() {
        for (text, found) in [
            ("FROM scratch\nEXPOSE 8080\n", &[8080][..]),
            ("from scratch\nexpose 80/tcp 53/udp 443/TCP", &[80, 443]),
            ("FROM scratch\nEXPOSE 8000-8010", &[8000]),
            ("FROM scratch", &[]),
            ("", &[]),
            ("# EXPOSE 1\nFROM scratch\n  # EXPOSE 2\nEXPOSE 3", &[3]),
            ("FROM scratch\r\nEXPOSE 8080\r\n", &[8080]),
            ("FROM scratch\nEXPOSE 8080 \\\n  # with a comment\n\n  9090\n", &[8080, 9090]),
            ("# escape=`\nFROM scratch\nEXPOSE 8080 `\n 9090", &[8080, 9090]),
            ("# syntax=docker/dockerfile:1\n#  Escape = ` \nFROM a\nEXPOSE `\n 9090", &[9090]),
            ("# a comment ends directives\n# escape=`\nFROM a\nEXPOSE 1 \\\n 2", &[1, 2]),
            ("FROM a\nEXPOSE 0 70000 x $nothing", &[]),
        ] {
            assert_eq!(ports(text), found, "{text:?}");
        }
    }

    #[test]
    fn variables_are_filled_in() {
        for (text, found) in [
            ("FROM a\nARG PORT=8080\nEXPOSE $PORT", &[8080][..]),
            ("FROM a\nENV PORT=8080\nEXPOSE ${PORT}/tcp", &[8080]),
            ("FROM a\nENV PORT 8080\nEXPOSE $PORT", &[8080]),
            ("FROM a\nENV A=1 PORT=\"80\"80 B='x y'\nEXPOSE $PORT", &[8080]),
            ("FROM a\nARG PORT=1\nENV PORT=2\nEXPOSE $PORT", &[2]),
            ("FROM a\nENV PORT=2\nARG PORT=1\nEXPOSE $PORT", &[2]),
            ("FROM a\nEXPOSE ${PORT:-3000}", &[3000]),
            ("FROM a\nENV PORT=\nEXPOSE ${PORT:-3000} ${PORT-4000}", &[3000]),
            ("FROM a\nENV PORT=1\nEXPOSE ${PORT:+2}", &[2]),
            ("FROM a\nARG BASE=80\nENV PORT=${BASE}80\nEXPOSE $PORT", &[8080]),
            ("ARG PORT=8080\nFROM a\nEXPOSE $PORT", &[]),
            ("ARG PORT=8080\nFROM a\nARG PORT\nEXPOSE $PORT", &[8080]),
            ("FROM a\nENV A=1 B=$A\nENV C=$A\nEXPOSE 8$B 9$C", &[8, 91]),
            ("FROM a\nENV P=1\nEXPOSE \\$P 2", &[2]),
        ] {
            assert_eq!(ports(text), found, "{text:?}");
        }
    }

    #[test]
    fn the_last_stage_counts_with_those_that_it_begins_with() {
        for (text, found) in [
            ("FROM a AS build\nEXPOSE 1\nFROM b\nEXPOSE 2", &[2][..]),
            ("FROM a AS Base\nENV P=1\nEXPOSE $P\nFROM base\nEXPOSE 2$P", &[1, 21]),
            ("FROM a AS base\nARG P=1\nFROM base\nEXPOSE 2$P", &[2]),
            ("ARG B=base\nFROM a AS base\nEXPOSE 1\nFROM --platform=linux/amd64 ${B} AS end", &[1]),
            ("FROM a\nEXPOSE 1\nFROM b", &[]),
        ] {
            assert_eq!(ports(text), found, "{text:?}");
        }
    }

    #[test]
    fn documents_in_it_are_no_instructions() {
        let text = "FROM a\nRUN <<EOF cat <<-'TWO'\nEXPOSE 1\nEOF\n\tEXPOSE 2\n\tTWO\nEXPOSE 3\n";
        assert_eq!(ports(text), [3]);
        assert_eq!(ports("FROM a\nRUN cat <<< x\nEXPOSE 3\n"), [3]);
        assert_eq!(ports("FROM a\nRUN echo $((1<<2))\nEXPOSE 3\n"), [3]);
        assert_eq!(ports("FROM a\nCOPY <<\"end\" /x\nEXPOSE 1\nend\nEXPOSE 3\n"), [3]);
    }

    #[test]
    fn its_own_check_tells_a_path() {
        let check =
            |line: &str| read(&format!("FROM a\nENV PORT=3000\nHEALTHCHECK {line}")).unwrap().check;
        let told = |port, path: &str| Some(Check { port, path: path.to_owned() });
        for (line, found) in [
            ("CMD curl -f http://localhost:8080/health || exit 1", told(Some(8080), "/health")),
            ("--interval=5s CMD wget -qO- http://127.0.0.1/up?x=1", told(None, "/up")),
            ("CMD [\"curl\", \"-f\", \"http://localhost:$PORT\"]", told(Some(3000), "/")),
            ("CMD curl http://other.example.com/health", None),
            ("CMD pg_isready", None),
            ("NONE", None),
        ] {
            assert_eq!(check(line), found, "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_ends_in_a_panic(text in "(FROM |ENV |ARG |EXPOSE |RUN |<<|\\$|\\{|\\}|:-|\"|'|\\\\|`|#|=|\n| |[a-zü0-9/])*") {
            let _ = read(&text);
        }
    }
}
