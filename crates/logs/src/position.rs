//! How far a reader of an environment's logs has come.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use launcher_scheduler::LogStream;

/// So many containers are remembered by themselves. Those beyond are the ones whose last lines are the oldest.
const MOST: usize = 64;

/// The last lines that were told of one container; none where none was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reached {
    /// Of its standard output.
    pub stdout: Option<Timestamp>,
    /// Of its standard error.
    pub stderr: Option<Timestamp>,
}

impl Reached {
    /// The same for both streams.
    #[must_use]
    pub fn both(at: Option<Timestamp>) -> Self {
        Self { stdout: at, stderr: at }
    }

    /// The same, but not before this time on either stream.
    #[must_use]
    pub fn at_least(&self, at: Option<Timestamp>) -> Self {
        Self { stdout: self.stdout.max(at), stderr: self.stderr.max(at) }
    }

    /// Whether a line was told.
    #[must_use]
    pub fn is_past(&self, stream: LogStream, at: Option<Timestamp>) -> bool {
        let reached = match stream {
            LogStream::Stdout => self.stdout,
            LogStream::Stderr => self.stderr,
        };
        at.is_some_and(|at| reached.is_some_and(|reached| at <= reached))
    }

    /// A line was told.
    pub fn advance(&mut self, stream: LogStream, at: Option<Timestamp>) {
        let reached = match stream {
            LogStream::Stdout => &mut self.stdout,
            LogStream::Stderr => &mut self.stderr,
        };
        *reached = (*reached).max(at);
    }

    /// Nothing that was printed before this time is missing; none where everything is.
    #[must_use]
    pub fn since(&self) -> Option<Timestamp> {
        self.stdout.min(self.stderr)
    }

    fn last(&self) -> Option<Timestamp> {
        self.stdout.max(self.stderr)
    }
}

/// How far a reader has come. Of most containers that is one time: all logs are told in order of it. What is
/// followed comes from several containers at once, so of these it is remembered by itself.
///
/// It is told and taken as a word that means nothing to others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Position {
    base: Option<Timestamp>,
    own: BTreeMap<u64, Reached>,
}

impl Position {
    /// Behind everything that was printed until this time.
    #[must_use]
    pub fn after(base: Option<Timestamp>) -> Self {
        Self { base, own: BTreeMap::new() }
    }

    /// How far it has come with a container.
    #[must_use]
    pub fn of(&self, container: &str) -> Reached {
        self.own.get(&number(container)).copied().unwrap_or(Reached::both(self.base))
    }

    /// Whether a container is remembered by itself.
    #[must_use]
    pub fn knows(&self, container: &str) -> bool {
        self.own.contains_key(&number(container))
    }

    /// When the newest line was printed that was told; none where none was.
    #[must_use]
    pub fn newest(&self) -> Option<Timestamp> {
        let own = self.own.values().filter_map(Reached::last);
        own.chain(self.base).max()
    }

    /// From now on, a container's lines are told out of order with those of others; it has come so far.
    pub fn set_apart(&mut self, container: &str, reached: Reached) {
        self.own.insert(number(container), reached);
        while self.own.len() > MOST {
            let oldest = self.own.iter().min_by_key(|(_, reached)| reached.last());
            let Some(oldest) = oldest.map(|(number, _)| *number) else { return };
            if let Some(reached) = self.own.remove(&oldest) {
                self.base = self.base.max(reached.last());
            }
        }
    }

    /// A line was told.
    pub fn advance(&mut self, container: &str, stream: LogStream, at: Option<Timestamp>) {
        match self.own.get_mut(&number(container)) {
            Some(own) => own.advance(stream, at),
            None => self.base = self.base.max(at),
        }
    }
}

/// A container in a word of a position: FNV-1a of its id.
fn number(container: &str) -> u64 {
    container.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1.{}", Time(self.base))?;
        for (container, reached) in &self.own {
            write!(f, "~{container:x}.{}.{}", Time(reached.stdout), Time(reached.stderr))?;
        }
        Ok(())
    }
}

/// Nanoseconds since 1970, in hexadecimal digits; `-` for none.
struct Time(Option<Timestamp>);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(at) => write!(f, "{:x}", u64::try_from(at.as_nanosecond()).unwrap_or_default()),
            None => f.write_str("-"),
        }
    }
}

/// A text that is no position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no position in a log: give the id of an event as it was told, or none")]
pub struct BadPosition;

impl FromStr for Position {
    type Err = BadPosition;

    fn from_str(text: &str) -> Result<Self, BadPosition> {
        let rest = text.strip_prefix("1.").ok_or(BadPosition)?;
        let mut parts = rest.split('~');
        let base = time(parts.next().ok_or(BadPosition)?)?;
        let mut own = BTreeMap::new();
        for part in parts {
            let [container, stdout, stderr] =
                part.split('.').collect::<Vec<_>>().try_into().map_err(|_| BadPosition)?;
            let container = u64::from_str_radix(container, 16).map_err(|_| BadPosition)?;
            own.insert(container, Reached { stdout: time(stdout)?, stderr: time(stderr)? });
            if own.len() > MOST {
                return Err(BadPosition);
            }
        }
        Ok(Self { base, own })
    }
}

fn time(text: &str) -> Result<Option<Timestamp>, BadPosition> {
    if text == "-" {
        return Ok(None);
    }
    let nanoseconds = u64::from_str_radix(text, 16).map_err(|_| BadPosition)?;
    Timestamp::from_nanosecond(nanoseconds.into()).map(Some).map_err(|_| BadPosition)
}

#[cfg(test)]
mod tests {
    use super::LogStream::{Stderr, Stdout};
    use super::*;

    fn at(second: i64) -> Option<Timestamp> {
        Timestamp::from_second(second).ok()
    }

    #[test]
    fn containers_that_are_followed_are_remembered_by_themselves() {
        let mut position = Position::after(at(10));
        position.advance("a", Stdout, at(20));
        assert!(position.of("b").is_past(Stderr, at(20)));
        assert!(!position.knows("a"));
        position.set_apart("a", Reached { stdout: at(15), stderr: None });
        assert!(position.knows("a") && !position.knows("b"));
        position.advance("a", Stdout, at(30));
        assert!(position.of("a").is_past(Stdout, at(30)));
        assert!(!position.of("a").is_past(Stderr, at(1)));
        assert!(!position.of("b").is_past(Stdout, at(21)));
        assert_eq!(position.of("a").since(), None);
        let read: Position = position.to_string().parse().unwrap();
        assert_eq!(read, position);
    }

    #[test]
    fn it_does_not_grow_without_end() {
        let mut position = Position::default();
        for second in 0..1000 {
            position.set_apart(&second.to_string(), Reached::both(at(second)));
        }
        assert_eq!(position.own.len(), MOST);
        assert_eq!(position.base, at(999 - i64::try_from(MOST).unwrap()));
        assert!(position.to_string().parse::<Position>().is_ok());
    }

    #[test]
    fn other_words_are_refused() {
        for text in [
            "",
            "1",
            "2.-",
            "1.x",
            "1.-~",
            "1.-~a.b",
            "1.-~a.-.-.-",
            "1.-~é.-.-",
            "1.ffffffffffffffffff",
        ] {
            assert_eq!(text.parse::<Position>(), Err(BadPosition), "{text}");
        }
    }
}
