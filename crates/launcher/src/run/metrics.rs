//! What is measured: where it is kept, and who tells of it.

use std::sync::Arc;

use anyhow::Result;
use jiff::Timestamp;
use launcher_control::hub::Hub;
use launcher_telemetry::access::{Counts, beside_records};
use launcher_telemetry::{KeptIn, Telemetry};

use super::config::Config;
use super::config::fluentd::Fluentd;
use super::config::graphite::Graphite as GraphiteConfig;
use super::config::metrics::Store as MetricsStore;
use super::data::DataDir;

/// Opens what was measured before, and has edges tell what they carry.
pub(crate) async fn open(
    config: &Config,
    data: &DataDir,
    hub: &Hub,
    installation: &str,
) -> Result<Telemetry> {
    let clock = Arc::new(|| Timestamp::now().as_second());
    let file = data.metrics();
    let kept = match config.metrics.store() {
        MetricsStore::Embedded => {
            KeptIn::File { file: &file, most_bytes: config.metrics.keep_at_most() }
        }
        MetricsStore::Graphite => KeptIn::Graphite,
    };
    let graphite = config.graphite.as_ref().map(GraphiteConfig::connect).transpose()?;
    let otlp = config.otlp.as_ref().map(|otlp| otlp.metrics(installation)).transpose()?.flatten();
    let mut telemetry = Telemetry::open(kept, graphite, clock).await?;
    if let Some(metrics) = otlp {
        telemetry = telemetry.with_otlp(metrics);
    }
    let gathered = Arc::clone(telemetry.gathered());
    let counts = config.fluentd.as_ref().map(Fluentd::counts).unwrap_or_default();
    hub.on_measured(Box::new(move |edge, at, mut samples| {
        if counts == Counts::Records {
            samples.iter_mut().for_each(|sample| beside_records(&mut sample.traffic));
            samples.retain(|sample| !sample.traffic.is_nothing());
        }
        gathered.traffic(edge, at, samples);
    }));
    let writing = telemetry.clone();
    tokio::spawn(async move { writing.run().await });
    Ok(telemetry)
}
