//! What was measured.

use clap::Args;
use launcher_model::{ServiceName, Span, VersionNumber};
use launcher_telemetry::Measure;

use super::Listing;

/// `metrics`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Metrics {
    /// The service
    #[arg(required_unless_present = "host")]
    pub(crate) service: Option<ServiceName>,
    /// The versions [default: what is live, and what waits beside it]
    pub(crate) versions: Vec<VersionNumber>,
    /// Of a host, in the place of a service
    #[arg(long, value_name = "NAME", conflicts_with = "service")]
    pub(crate) host: Option<String>,
    /// Of the last so much time
    #[arg(long = "for", value_name = "TIME", default_value = "15m")]
    pub(crate) range: Span,
    /// Only this, such as requests_5xx or cpu; may be repeated
    #[arg(long = "measure", value_name = "NAME")]
    pub(crate) measures: Vec<Measure>,
    #[command(flatten)]
    pub(crate) listing: Listing,
}
