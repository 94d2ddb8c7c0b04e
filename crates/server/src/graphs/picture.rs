//! Which graph, and how; and addresses that carry a signature.

use std::fmt::Write;

use axum::http::Uri;
use launcher_model::{ServiceName, Span, VersionNumber};
use launcher_telemetry::Measure;
use serde::{Deserialize, Deserializer, de};
use subtle::ConstantTimeEq;

use crate::App;
use crate::http::problem::Problem;
use crate::measured;

/// What a graph shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Requests,
    Errors,
    Latency,
    Cpu,
    Memory,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] =
        [Self::Requests, Self::Errors, Self::Latency, Self::Cpu, Self::Memory];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Errors => "errors",
            Self::Latency => "latency",
            Self::Cpu => "cpu",
            Self::Memory => "memory",
        }
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Requests => "Requests",
            Self::Errors => "Errors (5xx)",
            Self::Latency => "Latency of 99 %",
            Self::Cpu => "Processors",
            Self::Memory => "Memory",
        }
    }

    /// What is drawn of each version; all but the last are thin.
    pub(super) fn measures(self) -> &'static [Measure] {
        match self {
            Self::Requests => &[Measure::Requests],
            Self::Errors => &[Measure::Requests5xx],
            Self::Latency => &[Measure::LatencyP50, Measure::LatencyP99],
            Self::Cpu => &[Measure::Cpu],
            Self::Memory => &[Measure::Memory],
        }
    }

    pub(super) fn read(name: &str) -> Result<Self, Problem> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == name);
        found.ok_or_else(|| {
            let all = Self::ALL.map(Self::name).join(", ");
            Problem::missing(format!("there is no graph of that name; there are {all}"))
        })
    }
}

/// How it is drawn.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Picture {
    /// Of which versions; of what is live and what waits beside it when there is none.
    #[serde(deserialize_with = "versions")]
    pub(crate) versions: Vec<VersionNumber>,
    /// Of how long.
    pub(crate) range: Option<Span>,
    /// Until when; now when nothing is said.
    pub(crate) until: Option<String>,
    /// In pixels.
    pub(crate) width: Option<u32>,
    /// In pixels.
    pub(crate) height: Option<u32>,
    pub(crate) theme: Theme,
    /// The time zone of what stands under it, by its name; the server's when nothing is said.
    pub(crate) zone: Option<String>,
    /// Nothing: it makes the address another one, so that it is asked for again.
    pub(crate) at: Option<u64>,
    /// What shows that this server has made the address.
    pub(crate) signature: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Theme {
    #[default]
    Auto,
    Light,
    Dark,
}

fn versions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<VersionNumber>, D::Error> {
    let text = String::deserialize(deserializer)?;
    measured::versions(&text).map_err(|problem| de::Error::custom(problem.detail()))
}

impl Picture {
    /// The address of a graph that is drawn so, without the server's own.
    pub(crate) fn path(&self, service: &ServiceName, kind: Kind, format: &str) -> String {
        let mut path = format!("/graphs/{service}/{}.{format}", kind.name());
        let versions: Vec<String> = self.versions.iter().map(|one| one.0.to_string()).collect();
        let range = self.range.map(|range| range.to_string());
        let mut separator = '?';
        for (name, value) in [
            ("versions", (!versions.is_empty()).then(|| versions.join(","))),
            ("range", range),
            ("width", self.width.map(|width| width.to_string())),
            ("height", self.height.map(|height| height.to_string())),
        ] {
            if let Some(value) = value {
                // Writing to memory does not fail.
                let _ = write!(path, "{separator}{name}={value}");
                separator = '&';
            }
        }
        path
    }
}

const SIGNATURE: &str = "signature=";

/// The address of a graph, with what shows that this server has made it.
pub(crate) fn signed(
    app: &App,
    service: &ServiceName,
    kind: Kind,
    format: &str,
    picture: &Picture,
) -> String {
    let path = picture.path(service, kind, format);
    let signature = app.vault.sign_address(&path);
    let separator = if path.contains('?') { '&' } else { '?' };
    format!("{path}{separator}{SIGNATURE}{signature}")
}

/// Whether an address was made by this server, as it is: with nothing added, and nothing changed.
pub(crate) fn is_signed(app: &App, uri: &Uri) -> bool {
    let Some(address) = uri.path_and_query() else { return false };
    let Some((path, signature)) = address.as_str().rsplit_once(SIGNATURE) else { return false };
    let path = path.strip_suffix(['?', '&']).unwrap_or(path);
    app.vault.sign_address(path).as_bytes().ct_eq(signature.as_bytes()).into()
}
