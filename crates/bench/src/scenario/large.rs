//! A server with 200 services of ten environments each, in this program, on an engine in memory.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use jiff::Timestamp;
use launcher_scheduler::fake::Fake;
use launcher_server::{App, Reports};
use launcher_testkit::assemble::Setup;
use launcher_testkit::many;

use super::visitor::Visitor;

/// The server, until it is dropped.
pub(super) struct Large {
    pub(super) app: App,
    pub(super) visitor: Visitor,
}

impl Large {
    /// Fills a store in this directory, and serves it.
    ///
    /// # Errors
    /// When it cannot be served, or nobody can sign in.
    pub(super) async fn start(directory: &Path) -> Result<Self> {
        let engine = Fake::new("bench")?;
        let setup = Setup {
            clock: Arc::new(Timestamp::now),
            edges: None,
            reports: Reports::new(|_| {}),
            told: launcher_notify::Config::default(),
        };
        let (app, _) = many::start(directory, &engine, setup).await;
        let visitor = Visitor::enter(&app).await?;
        Ok(Self { app, visitor })
    }
}

impl Drop for Large {
    fn drop(&mut self) {
        self.app.control.shut_down();
    }
}
