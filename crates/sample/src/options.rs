//! What the application is told when it starts.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::str::FromStr;
use std::time::Duration;

use crate::Error;

/// How one instance behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// What it says its version is.
    pub version: String,
    /// How long the health check answers 503 after the start.
    pub start_delay: Duration,
    /// In which way it is broken, if it is.
    pub broken: Option<Broken>,
    /// It ends at once when it is told to, and breaks off what is under way.
    pub hasty: bool,
    /// How many threads serve; each connection belongs to one.
    pub threads: NonZeroUsize,
}

/// The ways in which an application is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// Says on standard error that its database is away, and exits with status 1.
    Exit,
    /// Its health check answers 500 with a reason.
    Unhealthy,
    /// Takes connections and never answers.
    Hang,
}

impl Default for Options {
    /// Version 1 on port 8080 of every address, one thread per processor.
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::UNSPECIFIED, 8080).into(),
            version: "1".to_owned(),
            start_delay: Duration::ZERO,
            broken: None,
            hasty: false,
            threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        }
    }
}

impl Options {
    /// Reads the environment: `SAMPLE_VERSION`, `PORT`, `SAMPLE_START_DELAY_MS`, `SAMPLE_BROKEN`, which is
    /// `exit`, `unhealthy` or `hang`, and `SAMPLE_HASTY`, which is `true` or `false`. What is not set, or empty, keeps its default.
    ///
    /// # Errors
    /// [`Error::Setting`] names the first variable that cannot be used.
    pub fn from_env() -> Result<Self, Error> {
        Self::read(|name| std::env::var(name).ok())
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let mut options = Self::default();
        let variable = |name| variable(name).filter(|value| !value.is_empty());
        if let Some(version) = variable("SAMPLE_VERSION") {
            options.version = parse("SAMPLE_VERSION", &version, "printable ASCII", printable)?;
        }
        if let Some(port) = variable("PORT") {
            options.listen.set_port(parse("PORT", &port, "a port, 0 to 65535", number)?);
        }
        if let Some(delay) = variable("SAMPLE_START_DELAY_MS") {
            let delay = parse("SAMPLE_START_DELAY_MS", &delay, "a number of milliseconds", number)?;
            options.start_delay = Duration::from_millis(delay);
        }
        if let Some(broken) = variable("SAMPLE_BROKEN") {
            options.broken =
                Some(parse("SAMPLE_BROKEN", &broken, "exit, unhealthy or hang", broken_kind)?);
        }
        if let Some(hasty) = variable("SAMPLE_HASTY") {
            options.hasty = parse("SAMPLE_HASTY", &hasty, "true or false", number)?;
        }
        Ok(options)
    }
}

/// A numeric environment variable, or `default` when it is not set.
pub(crate) fn number_from_env<T: FromStr>(
    name: &'static str,
    expected: &'static str,
    default: T,
) -> Result<T, Error> {
    match std::env::var(name) {
        Ok(value) if !value.is_empty() => parse(name, &value, expected, number),
        _ => Ok(default),
    }
}

fn parse<T>(
    name: &'static str,
    value: &str,
    expected: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<T, Error> {
    read(value).ok_or_else(|| Error::Setting { name, value: value.to_owned(), expected })
}

fn number<T: FromStr>(value: &str) -> Option<T> {
    value.parse().ok()
}

/// The version also stands in a header, which takes nothing else.
fn printable(value: &str) -> Option<String> {
    value.bytes().all(|byte| matches!(byte, 0x20..0x7f)).then(|| value.to_owned())
}

fn broken_kind(value: &str) -> Option<Broken> {
    match value {
        "exit" => Some(Broken::Exit),
        "unhealthy" => Some(Broken::Unhealthy),
        "hang" => Some(Broken::Hang),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Options, Error> {
        Options::read(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn an_empty_environment_gives_the_defaults() {
        assert_eq!(read(&[]).unwrap(), Options::default());
        assert_eq!(read(&[("PORT", ""), ("SAMPLE_BROKEN", "")]).unwrap(), Options::default());
    }

    #[test]
    fn every_variable_is_read() {
        let options = read(&[
            ("SAMPLE_VERSION", "42"),
            ("PORT", "9000"),
            ("SAMPLE_START_DELAY_MS", "1500"),
            ("SAMPLE_BROKEN", "unhealthy"),
            ("SAMPLE_HASTY", "true"),
        ])
        .unwrap();
        assert_eq!(options.version, "42");
        assert_eq!(options.listen, "0.0.0.0:9000".parse().unwrap());
        assert_eq!(options.start_delay, Duration::from_millis(1500));
        assert_eq!((options.broken, options.hasty), (Some(Broken::Unhealthy), true));
    }

    #[test]
    fn an_error_names_the_variable_and_what_it_may_hold() {
        for (name, value, expected) in [
            ("PORT", "70000", "0 to 65535"),
            ("SAMPLE_START_DELAY_MS", "soon", "milliseconds"),
            ("SAMPLE_BROKEN", "badly", "exit, unhealthy or hang"),
            ("SAMPLE_HASTY", "very", "true or false"),
            ("SAMPLE_VERSION", "1\r\nx: y", "printable"),
        ] {
            let message = read(&[(name, value)]).unwrap_err().to_string();
            assert!(message.contains(name) && message.contains(expected), "{message}");
        }
    }
}
