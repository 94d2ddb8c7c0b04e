//! What every handler has at hand.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use launcher_build::Builds;
use launcher_control::{Clock, Control};
use launcher_edge::remote::Fingerprint;
use launcher_fluent::receive::Receiving;
use launcher_model::branch::Branch;
use launcher_model::{ServiceName, VersionNumber};
use launcher_notify::Notifier;
use launcher_openid::OpenId;
use launcher_scheduler::Scheduler;
use launcher_store::Store;
use launcher_store::vault::Vault;
use launcher_telemetry::Telemetry;
use launcher_telemetry::access::LeftOut;

use crate::reports::Reports;

/// What the server works with. Clones are the same one.
#[derive(Clone)]
pub struct App {
    /// The control plane.
    pub control: Control,
    /// What becomes of source.
    pub builds: Builds,
    /// What is wanted and what happened.
    pub store: Arc<dyn Store>,
    /// What seals secrets.
    pub vault: Arc<Vault>,
    /// For logs, commands and hosts; containers are the control plane's to change.
    pub scheduler: Arc<dyn Scheduler>,
    /// What is measured.
    pub telemetry: Telemetry,
    /// Takes what hosts use.
    pub reports: Reports,
    /// The time.
    pub clock: Clock,
    /// Tells others what happens.
    pub notifier: Notifier,
    /// What a team may set.
    pub settings: Arc<Settings>,
    /// What becomes of access logs that others send; none where none may be sent.
    pub access_logs: Option<AccessLogs>,
    /// The provider by which people sign in; none where they do not.
    pub openid: Option<Arc<OpenId>>,
}

/// What becomes of access logs that others send.
#[derive(Debug, Clone)]
pub struct AccessLogs {
    /// What was received.
    pub receiving: Receiving,
    /// What of it was left out.
    pub left_out: Arc<LeftOut>,
}

/// What a team may set of the server.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The scheme under which people reach the edges: `http` or `https`.
    pub preview_scheme: String,
    /// What stands behind `vN.<service>.` in a preview's hostname.
    pub preview_domain: String,
    /// The port under which people reach the edges; none for the scheme's own.
    pub preview_port: Option<u16>,
    /// Where edges of other machines may come in; none when they may not.
    pub edges: Option<EdgeDoor>,
    /// Certificates are ordered from an authority.
    pub orders_certificates: bool,
    /// For how long it is kept who did what.
    pub audit_keep: SignedDuration,
    /// Cookies are only sent over TLS.
    pub secure_cookies: bool,
    /// How the server was configured, to be shown.
    pub configured: Configured,
    /// The address under which people reach these pages, where the team says so.
    pub pages: Option<String>,
}

/// How a server was configured, to be shown to its administrators.
#[derive(Debug, Clone, Default)]
pub struct Configured {
    /// The file that was read; none when there was none.
    pub file: Option<String>,
    /// What it said, without what is secret.
    pub text: String,
}

/// Where edges of other machines come in.
#[derive(Debug, Clone)]
pub struct EdgeDoor {
    /// What they recognize this server by.
    pub fingerprint: Fingerprint,
    /// The address by which they reach it, as far as this server knows: `host:port`.
    pub address: String,
}

impl App {
    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }
}

impl Settings {
    /// Where one environment can be looked at.
    #[must_use]
    pub fn preview_url(&self, service: &ServiceName, version: VersionNumber) -> String {
        self.url(&format!("{version}.{service}.{}", self.preview_domain))
    }

    /// Where a branch's environment is reached.
    #[must_use]
    pub fn branch_url(&self, branch: &Branch) -> String {
        self.url(&format!("{}.{}.{}", branch.label, branch.service, self.preview_domain))
    }

    /// Where one of these pages is reached from anywhere: its path alone where nobody says under which address.
    #[must_use]
    pub fn page_url(&self, path: &str) -> String {
        let pages = self.pages.as_deref().unwrap_or_default();
        format!("{}{path}", pages.trim_end_matches('/'))
    }

    /// Where a production hostname is reached, as far as this server knows.
    #[must_use]
    pub fn url(&self, host: &str) -> String {
        let port = self.preview_port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}://{host}{port}", self.preview_scheme)
    }
}
