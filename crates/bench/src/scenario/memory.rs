//! What an installation needs that has nothing to do.

use std::time::Duration;

use anyhow::{Context, Result};
use launcher_testkit::{Engine, Installation};
use serde_json::json;

use crate::Settings;
use crate::memory::resident;
use crate::report::{Better, Figure};

/// How long nothing happens before the memory is read.
const REST: Duration = Duration::from_secs(10);

/// Server and edge with one live service.
pub(super) async fn measure(settings: &Settings) -> Result<Vec<Figure>> {
    let engine = Engine::local();
    let image = engine.build(&settings.program, 1, &[]);
    let mut installation = Installation::new(&settings.program, &engine);
    let api = installation.start().await;
    api.put_service(json!({
        "service": { "name": "shop", "hosts": ["shop.example.com"], "port": 8080 },
        "health": { "path": "/healthz" },
    }))
    .await;
    let number = api.launch_ready("shop", &image.id).await;
    api.deploy("shop", number).await;
    tokio::time::sleep(REST).await;
    Ok(vec![
        figure("server_rss", installation.server_pid())?,
        figure("edge_rss", installation.edge_pid())?,
    ])
}

fn figure(name: &'static str, process: Option<u32>) -> Result<Figure> {
    let memory = resident(&[process.context("the process does not run")?])?;
    Ok(Figure::new(name, "MiB", Better::Lower, memory))
}
