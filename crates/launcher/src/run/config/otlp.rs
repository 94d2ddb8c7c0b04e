//! `[otlp]`: the OpenTelemetry collector that is told what is measured and what has happened.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use launcher_telemetry::otlp::{
    Collector, CollectorOptions, Headers, Metrics, Pace, Shape, Traces,
};
use secrecy::SecretString;
use serde::Deserialize;

/// A collector.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Otlp {
    /// Where it takes OTLP over HTTP.
    endpoint: String,
    /// Headers that it asks for, which are secret.
    headers_file: Option<PathBuf>,
    /// Whether it is told what is measured.
    #[serde(default = "yes")]
    metrics: bool,
    /// How it is told how long requests took.
    #[serde(default)]
    histogram: Shape,
    /// Whether it is told what has happened.
    #[serde(default = "yes")]
    traces: bool,
}

fn yes() -> bool {
    true
}

impl Otlp {
    /// What tells it what is measured; none when it is not to be told.
    pub(crate) fn metrics(&self, installation: &str) -> Result<Option<Metrics>> {
        let collector = self.collector(installation)?;
        Ok(self.metrics.then(|| Metrics::new(collector, self.histogram)))
    }

    /// What tells it what has happened; none when it is not to be told.
    pub(crate) fn traces(&self, installation: &str) -> Result<Option<Traces>> {
        let collector = self.collector(installation)?;
        Ok(self.traces.then(|| Traces::new(collector)))
    }

    /// Nothing is connected yet.
    fn collector(&self, installation: &str) -> Result<Collector> {
        if !self.metrics && !self.traces {
            bail!(
                "[otlp] has both metrics and traces switched off, so nothing is told; leave the section out instead"
            );
        }
        let endpoint = &self.endpoint;
        let endpoint = endpoint.parse().with_context(|| {
            format!("[otlp] endpoint is {endpoint:?}; write for example \"http://collector:4318\"")
        })?;
        let options = CollectorOptions {
            endpoint,
            headers: self.headers()?,
            installation: installation.to_owned(),
            pace: Pace::default(),
        };
        Collector::new(options).context("[otlp] endpoint cannot be used")
    }

    fn headers(&self) -> Result<Headers> {
        let Some(path) = &self.headers_file else { return Ok(Headers::default()) };
        let about = || format!("cannot use [otlp] headers_file, {}", path.display());
        let text = SecretString::from(std::fs::read_to_string(path).with_context(about)?);
        Headers::read(&text).with_context(about)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let otlp: Otlp = toml::from_str(text).unwrap();
        format!("{:#}", otlp.metrics("one").unwrap_err())
    }

    #[test]
    fn both_are_told_unless_the_file_says_otherwise() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let read = |more: &str| {
            let text = format!("endpoint = \"http://127.0.0.1:4318\"\n{more}");
            let otlp: Otlp = toml::from_str(&text).unwrap();
            (otlp.metrics("one").unwrap().is_some(), otlp.traces("one").unwrap().is_some())
        };
        assert_eq!(read(""), (true, true));
        assert_eq!(read("metrics = false"), (false, true));
        assert_eq!(read("traces = false\nhistogram = \"explicit\""), (true, false));
    }

    #[test]
    fn what_makes_no_sense_is_refused_at_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let headers = folder.path().join("headers");
        std::fs::write(&headers, "5ecret\n").unwrap();
        let file = format!("endpoint = \"http://a:4318\"\nheaders_file = {headers:?}");
        for (text, says) in [
            ("endpoint = \"collector\"", "write for example \"http://collector:4318\""),
            ("endpoint = \"collector:4318\"", "write for example \"http://collector:4318\""),
            ("endpoint = \"http://a:4318\"\nmetrics = false\ntraces = false", "nothing is told"),
            ("endpoint = \"http://a:4318\"\nheaders_file = \"/nowhere\"", "/nowhere: No such file"),
            (&file, "line 1 has no colon"),
        ] {
            let refusal = refusal(text);
            assert!(refusal.contains(says), "{refusal}");
            assert!(!refusal.contains("5ecret"), "{refusal}");
        }
    }
}
