//! What was measured.

use clap::Args;
use launcher_model::units::InvalidQuantity;
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
    #[arg(long = "for", value_name = "TIME", default_value = "15m", value_parser = some_time)]
    pub(crate) range: Span,
    /// Only this, such as requests_5xx or cpu; may be repeated
    #[arg(long = "measure", value_name = "NAME")]
    pub(crate) measures: Vec<Measure>,
    #[command(flatten)]
    pub(crate) listing: Listing,
}

/// A time in which something can have been measured.
fn some_time(text: &str) -> Result<Span, String> {
    let span: Span = text.parse().map_err(|error: InvalidQuantity| error.to_string())?;
    if span < Span::secs(1) {
        return Err(
            "nothing is measured in so short a time: give 1s or more, such as 15m".to_owned()
        );
    }
    Ok(span)
}
