//! What is measured: where it is kept, and who tells of it.

use std::sync::Arc;

use anyhow::Result;
use jiff::Timestamp;
use launcher_control::hub::Hub;
use launcher_telemetry::Telemetry;

use super::config::Config;
use super::data::DataDir;

/// Opens what was measured before, and has edges tell what they carry.
pub(crate) async fn open(config: &Config, data: &DataDir, hub: &Hub) -> Result<Telemetry> {
    let clock = Arc::new(|| Timestamp::now().as_second());
    let telemetry = Telemetry::open(&data.metrics(), config.metrics.keep_at_most(), clock).await?;
    let gathered = Arc::clone(telemetry.gathered());
    hub.on_measured(Box::new(move |edge, at, samples| gathered.traffic(edge, at, samples)));
    let writing = telemetry.clone();
    tokio::spawn(async move { writing.run().await });
    Ok(telemetry)
}
