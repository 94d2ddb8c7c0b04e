//! Where a collector is, and one request to it.

use std::io::Write;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::StreamExt;
use jiff::Timestamp;
use opentelemetry_proto::tonic::resource::v1::Resource;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Url, redirect};

use super::answer::{self, Answer};
use super::headers::Headers;
use super::words;

/// How long an answer may take.
const WITHIN: Duration = Duration::from_secs(10);

/// So much of an answer is read, in bytes.
const LONGEST: usize = 64 << 10;

/// What is shorter is not worth the work of making it smaller, in bytes.
const WORTH_PACKING: usize = 1 << 10;

/// How long is waited before something is sent again. Each time is twice the one before, and not quite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// The first time.
    pub first: Duration,
    /// At the most.
    pub longest: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { first: Duration::from_secs(1), longest: Duration::from_secs(60) }
    }
}

/// Where a collector is, and who tells it.
#[derive(Debug, Clone)]
pub struct CollectorOptions {
    /// Such as `http://collector:4318`; the paths of the specification are put behind it.
    pub endpoint: Url,
    /// What it asks for.
    pub headers: Headers,
    /// The installation that tells.
    pub installation: String,
    /// How long is waited when it is away.
    pub pace: Pace,
}

/// An OpenTelemetry collector, or whoever else understands OTLP. Clones are the same.
#[derive(Debug, Clone)]
pub struct Collector {
    client: Client,
    options: CollectorOptions,
}

/// There can be no such collector.
#[derive(Debug, thiserror::Error)]
pub enum CollectorError {
    /// There is no client.
    #[error("cannot tell a collector: {0}")]
    Client(reqwest::Error),
    /// It is no address for OTLP.
    #[error("{0:?} is no address of a collector; write for example \"http://collector:4318\"")]
    Endpoint(String),
}

/// What is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    /// What was measured.
    Metrics,
    /// What has happened.
    Traces,
}

impl Signal {
    /// Its name, in paths and for people.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Metrics => "metrics",
            Self::Traces => "traces",
        }
    }
}

impl Collector {
    /// Nothing is connected yet.
    ///
    /// # Errors
    /// When there is no such address, or no client.
    pub fn new(options: CollectorOptions) -> Result<Self, CollectorError> {
        let endpoint = &options.endpoint;
        let is_one = matches!(endpoint.scheme(), "http" | "https")
            && endpoint.has_host()
            && endpoint.username().is_empty()
            && endpoint.password().is_none()
            && endpoint.query().is_none()
            && endpoint.fragment().is_none();
        if !is_one {
            // Without what may be a secret.
            let mut told = endpoint.clone();
            let _ = (told.set_username(""), told.set_password(None));
            told.set_query(None);
            return Err(CollectorError::Endpoint(told.to_string()));
        }
        // Headers go to whom they were meant for, and to nobody else.
        let client = Client::builder().timeout(WITHIN).redirect(redirect::Policy::none());
        let client = client.default_headers(options.headers.map());
        let client = client.build().map_err(CollectorError::Client)?;
        Ok(Self { client, options })
    }

    /// Where it is.
    pub(super) fn endpoint(&self) -> &Url {
        &self.options.endpoint
    }

    /// How long is waited when it is away.
    pub(super) fn pace(&self) -> Pace {
        self.options.pace
    }

    /// Who tells.
    pub(super) fn resource(&self) -> Resource {
        words::resource(&self.options.installation)
    }

    /// The installation that tells.
    pub(super) fn installation(&self) -> &str {
        &self.options.installation
    }

    /// Sends something once.
    pub(super) async fn send(&self, signal: Signal, body: &Packed) -> Answer {
        let later = |error: &reqwest::Error| Answer::Later { after: None, why: told(error) };
        let mut request = self.client.post(self.address(signal));
        request = request.header(CONTENT_TYPE, "application/x-protobuf");
        if body.is_packed {
            request = request.header(CONTENT_ENCODING, "gzip");
        }
        let response = match request.body(body.bytes.clone()).send().await {
            Ok(response) => response,
            Err(error) => return later(&error),
        };
        let status = response.status().as_u16();
        let retry_after = response.headers().get(RETRY_AFTER).cloned();
        let retry_after = retry_after.as_ref().and_then(|value| value.to_str().ok());
        let mut said = Vec::new();
        let mut stream = response.bytes_stream();
        while let Some(part) = stream.next().await {
            match part {
                Ok(part) if said.len() + part.len() <= LONGEST => said.extend_from_slice(&part),
                // The status has said what matters.
                Ok(_) | Err(_) => break,
            }
        }
        answer::read(signal, status, retry_after, &said, Timestamp::now())
    }

    fn address(&self, signal: Signal) -> Url {
        let mut url = self.options.endpoint.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["v1", signal.name()]);
        }
        url
    }
}

/// What is sent, perhaps made smaller.
#[derive(Debug, Clone)]
pub(super) struct Packed {
    bytes: bytes::Bytes,
    is_packed: bool,
}

impl Packed {
    /// Makes it smaller when that is worth it.
    pub(super) fn new(plain: Vec<u8>) -> Self {
        let packed = if plain.len() < WORTH_PACKING { None } else { gzip(&plain) };
        let is_packed = packed.is_some();
        Self { bytes: packed.unwrap_or(plain).into(), is_packed }
    }
}

fn gzip(plain: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 4), Compression::fast());
    // Writing into memory does not fail.
    encoder.write_all(plain).ok()?;
    encoder.finish().ok()
}

/// Why a request did not come to anything, with the causes, which say it.
fn told(error: &reqwest::Error) -> String {
    let mut causes = Vec::new();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        causes.push(next.to_string());
        cause = next.source();
    }
    if error.is_timeout() {
        return format!("it does not answer within {} s", WITHIN.as_secs());
    }
    causes.last().cloned().unwrap_or_else(|| "the connection broke off".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collector(endpoint: &str) -> Result<Collector, CollectorError> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Collector::new(CollectorOptions {
            endpoint: endpoint.parse().unwrap(),
            headers: Headers::default(),
            installation: "one".to_owned(),
            pace: Pace::default(),
        })
    }

    #[test]
    fn the_specifications_paths_stand_behind_the_endpoint() {
        for (endpoint, metrics) in [
            ("http://collector:4318", "http://collector:4318/v1/metrics"),
            ("https://otlp.example.com/team/", "https://otlp.example.com/team/v1/metrics"),
            ("https://otlp.example.com/team", "https://otlp.example.com/team/v1/metrics"),
        ] {
            let collector = collector(endpoint).unwrap();
            assert_eq!(collector.address(Signal::Metrics).as_str(), metrics);
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_its_secrets() {
        for endpoint in
            ["ftp://collector", "collector:4318", "http://a:secret@b:4318", "http://b?key=secret"]
        {
            let error = collector(endpoint).unwrap_err().to_string();
            assert!(error.contains("write for example"), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
