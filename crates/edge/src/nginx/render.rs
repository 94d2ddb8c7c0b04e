//! The configuration that nginx is given: a pure function of the table.
//!
//! One file holds what all services share, and there is one for each service. A file that is the same as
//! before needs no reload, so nothing goes into one that does not change what nginx does: no revision, no
//! time. The shared file carries the [`Stamp`](Rendered::stamp) of all of them, by which a worker can be
//! asked which configuration it serves.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

use launcher_model::ServiceName;
use sha2::{Digest, Sha256};

mod door;
mod links;
mod logins;
mod maintenance;
mod names;
mod out;
mod pages;
mod paths;
mod pools;
mod proxying;
mod redirects;
mod server;
mod service;
mod shared;
mod text;
mod waiting;
mod way;

pub(super) use logins::logins;
pub(super) use service::{Settings, service};

/// The file of what all services share. It is read first.
pub(super) const SHARED: &str = "00-shared.conf";

/// What is the same for all services.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub(super) http: Vec<SocketAddr>,
    pub(super) internal: SocketAddr,
    pub(super) access_log: PathBuf,
    /// The directory of the files that say which configurations have been succeeded.
    pub(super) passed: PathBuf,
    /// The directory of the files of logins, one for each service that has some.
    pub(super) logins: PathBuf,
    /// The socket of the waiting room.
    pub(super) waiting: PathBuf,
}

/// The text of every file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rendered {
    /// By file name.
    pub(super) files: BTreeMap<String, String>,
    /// Known by what is in the files.
    pub(super) stamp: String,
}

impl Rendered {
    /// Puts the files of these services together.
    pub(super) fn new(frame: &Frame, services: &BTreeMap<ServiceName, String>) -> Self {
        let mut files: BTreeMap<String, String> =
            services.iter().map(|(name, text)| (file_name(name), text.clone())).collect();
        let mut hash = Sha256::new();
        hash.update(shared::shared(frame, ""));
        for (name, text) in &files {
            hash.update(format!("{name} {}\n", text.len()));
            hash.update(text);
        }
        let stamp = hash.finalize().iter().take(12).fold(String::new(), |mut hex, byte| {
            // Writing to memory does not fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        files.insert(SHARED.to_owned(), shared::shared(frame, &stamp));
        Self { files, stamp }
    }
}

fn file_name(service: &ServiceName) -> String {
    format!("service-{service}.conf")
}

#[cfg(test)]
mod tests;
