//! `[metrics]`: what is measured.

use std::net::SocketAddr;

use launcher_model::Bytes;
use launcher_telemetry::embedded::{LEAST_BYTES, MOST_BYTES};
use serde::{Deserialize, Deserializer, de};

use super::address::maybe_listened;

/// What is measured, and how much of it is kept.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Metrics {
    /// Where it is kept.
    #[serde(default)]
    store: Store,
    /// Where the edge of this machine shows to Prometheus what it has carried; nowhere when nothing is said.
    #[serde(default, deserialize_with = "maybe_listened::<_, 9191>")]
    edge: Option<SocketAddr>,
    /// How large the file may become in which it is kept.
    #[serde(default, deserialize_with = "enough")]
    keep_at_most: Option<Bytes>,
    /// Whether the server measures what its own machine and the containers on it use, where it places them on
    /// the Docker Engine of that machine; it does when nothing is said.
    agent: Option<bool>,
}

/// Where what is measured is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Store {
    /// In a file of the data directory.
    #[default]
    Embedded,
    /// In Graphite.
    Graphite,
}

impl Metrics {
    /// Where it is kept.
    pub(crate) fn store(&self) -> Store {
        self.store
    }

    /// Where the edge of this machine shows what it has carried.
    pub(crate) fn edge(&self) -> Option<SocketAddr> {
        self.edge
    }

    /// Whether the server measures its own machine.
    pub(crate) fn agent(&self) -> bool {
        self.agent.unwrap_or(true)
    }

    /// In bytes.
    pub(crate) fn keep_at_most(&self) -> u64 {
        self.keep_at_most.map_or(MOST_BYTES, |bytes| bytes.0)
    }
}

/// Reads how large the file may become: large enough for what comes.
fn enough<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Bytes>, D::Error> {
    let bytes = Bytes::deserialize(deserializer)?;
    if bytes.0 < LEAST_BYTES {
        let least = Bytes(LEAST_BYTES);
        return Err(de::Error::custom(format!("keep_at_most is {bytes}; give {least} or more")));
    }
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_is_refused_with_what_to_write() {
        for (text, words) in [
            ("edge = \"127.0.0.1\"", "it has no port; write for example \"127.0.0.1:9191\""),
            ("keep_at_most = -1", "\"-1\" is not a size: write a number and a unit"),
            ("keep_at_most = \"1KiB\"", "keep_at_most is 1KiB; give"),
        ] {
            let refused = toml::from_str::<Metrics>(text).unwrap_err().to_string();
            assert!(refused.contains(words), "{refused}");
            // Where it stands.
            assert!(refused.contains("line 1"), "{refused}");
        }
        assert!(toml::from_str::<Metrics>("edge = \"[::1]:9191\"").unwrap().edge().is_some());
    }
}
