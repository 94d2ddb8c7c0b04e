//! The daemon of an edge whose traffic an nginx carries.

use std::net::SocketAddr;
use std::sync::Arc;

use super::{Config, Counters};
use crate::link::{Introduction, Quiet, keep_connected};
use crate::nginx::Nginx;

/// Tells an nginx that runs beside it what the control plane says.
pub struct NginxDaemon {
    config: Config,
    nginx: Arc<Nginx>,
}

impl NginxDaemon {
    /// Of the configuration, what carries traffic is the nginx's own matter.
    #[must_use]
    pub fn new(config: Config, nginx: Nginx) -> Self {
        Self { config, nginx: Arc::new(nginx) }
    }

    /// The addresses at which nginx is told to serve.
    #[must_use]
    pub fn http(&self) -> &[SocketAddr] {
        self.nginx.http()
    }

    /// What can be asked for the counters while the edge runs.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let nginx = self.nginx.clone();
        Counters(Arc::new(move || nginx.counters()))
    }

    /// Follows the control plane until `shutdown` is ready. nginx serves on.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self { config, nginx } = self;
        let (http, https) = (nginx.http().to_vec(), Vec::new());
        let introduction = Introduction { edge: config.name, http, https };
        let quiet = Quiet::default();
        tokio::select! {
            () = keep_connected(nginx.clone(), introduction, &config.control, &quiet) => {}
            () = nginx.measure() => {}
            () = shutdown => {}
        }
        nginx.leave();
    }
}
