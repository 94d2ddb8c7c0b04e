//! The access log of an edge: sent to a Fluentd, by way of a buffer in the edge's data directory, and written
//! to a file.

mod buffers;
mod file;
mod lines;
mod record;

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use anyhow::{Context, Result};
use launcher_edge::access::{self, Entry, Log, Sink, Writer};
use launcher_fluent::tls::Connector;
use launcher_fluent::{ForwardOptions, Forwarder, Security, Server, User};
use launcher_model::{Bytes, EdgeName};
use serde::Deserialize;

use super::edge_page::{LogTold, Told, Written};
use super::fluentd::{hostname, read_key, read_password};
use buffers::Buffers;
pub(crate) use file::Options as FileOptions;
use file::{Counts, LogFile};
pub(crate) use lines::Format;
use record::Names;

/// Fluentd's own port.
const PORT: u16 = 24224;

/// How long what has been logged last may take to be sent when the edge stops. The rest stays in the buffer.
const CLOSE_WITHIN: Duration = Duration::from_secs(3);

/// Where an access log goes, and what is in it.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// The file that it is written to.
    pub(crate) file: Option<FileOptions>,
    /// The servers, of which the first that answers is used.
    pub(crate) fluentd: Vec<Target>,
    /// The tag of its records.
    pub(crate) tag: String,
    /// The file with the key that both ends know.
    pub(crate) key_file: Option<PathBuf>,
    /// Who to be, where the server has users: a name, and the file with the password.
    pub(crate) user: Option<(String, PathBuf)>,
    /// Whether the connection is encrypted.
    pub(crate) tls: bool,
    /// Authorities to trust, in the place of those that this machine trusts.
    pub(crate) ca_file: Option<PathBuf>,
    /// How much may wait on disk.
    pub(crate) buffer: Bytes,
    /// Whether queries are in it.
    pub(crate) query: bool,
}

/// Where a Fluentd listens.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Target {
    host: String,
    port: u16,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is no address; write host and port, such as fluentd.example.com:{PORT}"
            )
        };
        let (host, port) = match text.rsplit_once(':') {
            // Of an address of IPv6, the last part is no port.
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
                (host, port.parse().map_err(|_| wrong())?)
            }
            _ => (text, PORT),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() || port == 0 || host.contains(['/', '@', ' ']) {
            return Err(wrong());
        }
        Ok(Self { host: host.to_owned(), port })
    }
}

impl TryFrom<String> for Target {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// An access log that is being written.
pub(crate) struct AccessLog {
    log: Log,
    writer: Writer,
    buffers: Option<Buffers>,
    lines: Option<Arc<Counts>>,
}

/// Begins the log of an edge whose data is there, on the Tokio runtime from which it is called. That no
/// server answers is no error: it may come.
pub(crate) fn open(options: &Options, edge: &EdgeName, data: &Path) -> Result<(Log, AccessLog)> {
    let buffers = match options.fluentd.as_slice() {
        [] => None,
        _ => Some(buffers(options, edge, data)?),
    };
    let records = buffers.as_ref().map(|buffers| Records {
        forwarder: buffers.forwarder().clone(),
        names: Names::default(),
        tag: options.tag.as_str().into(),
        edge: edge.to_string(),
    });
    let file = options.file.as_ref().map(|file| LogFile::open(file, edge.to_string()));
    let file = file.transpose()?;
    let lines = file.as_ref().map(LogFile::counts);
    let told = access::Options { query: options.query };
    let (log, writer) =
        access::open(Sinks { records, file }, told).context("cannot begin the access log")?;
    Ok((log.clone(), AccessLog { log, writer, buffers, lines }))
}

fn buffers(options: &Options, edge: &EdgeName, data: &Path) -> Result<Buffers> {
    let servers = servers(options, edge)?;
    let forward = |directory| ForwardOptions {
        buffer_limit: options.buffer.0,
        compress: true,
        ..ForwardOptions::new(servers.clone(), directory)
    };
    Buffers::start(&data.join("access-log"), forward).context("cannot begin the access log")
}

fn servers(options: &Options, edge: &EdgeName) -> Result<Vec<Server>> {
    let tls = match (options.tls, &options.ca_file) {
        (false, _) => None,
        (true, None) => Some(Connector::system()?),
        (true, Some(path)) => {
            let about = || format!("cannot use the authorities in {}", path.display());
            let pem = std::fs::read(path).with_context(about)?;
            Some(Connector::authorities(&pem).with_context(about)?)
        }
    };
    let security = match &options.key_file {
        None => None,
        Some(path) => {
            let hostname = hostname(&format!("launcher-edge-{edge}"));
            Some(Security { hostname, shared_key: read_key(path)? })
        }
    };
    let user = match &options.user {
        None => None,
        Some((name, path)) => Some(User { name: name.clone(), password: read_password(path)? }),
    };
    let server = |target: &Target| Server {
        tls: tls.clone(),
        security: security.clone(),
        user: user.clone(),
        ..Server::at(target.host.clone(), target.port)
    };
    Ok(options.fluentd.iter().map(server).collect())
}

/// Makes records of what is logged.
struct Records {
    forwarder: Arc<Forwarder>,
    names: Names,
    tag: Arc<str>,
    edge: String,
}

impl Records {
    fn write(&mut self, entry: &Entry<'_>) {
        let record = self.names.record(&self.tag, &self.edge, entry);
        // The forwarder counts what it cannot take, and says so in the log.
        let _ = self.forwarder.send(&record);
    }
}

/// All that are told.
struct Sinks {
    records: Option<Records>,
    file: Option<LogFile>,
}

impl Sink for Sinks {
    fn write(&mut self, entry: &Entry<'_>) {
        if let Some(records) = &mut self.records {
            records.write(entry);
        }
        if let Some(file) = &mut self.file {
            file.write(entry);
        }
    }

    fn flush(&mut self) {
        if let Some(file) = &mut self.file {
            file.flush();
        }
    }
}

impl AccessLog {
    /// Tells what has become of what was logged, until this is closed.
    pub(crate) fn told(&self) -> LogTold {
        let forwarder = self.buffers.as_ref().map(|buffers| Arc::downgrade(buffers.forwarder()));
        let (log, lines) = (self.log.clone(), self.lines.clone());
        Box::new(move || Told {
            dropped: log.dropped(),
            sent: forwarder.as_ref().and_then(|one| one.upgrade()).map(|one| one.sent()),
            written: lines.as_ref().map(|counts| Written {
                lines: counts.written.load(Relaxed),
                lost: counts.lost.load(Relaxed),
            }),
        })
    }

    /// Has what was logged written, and sent or kept for the next edge on this data directory.
    pub(crate) async fn close(self) {
        // Who reads the standard output may have stopped to.
        if tokio::time::timeout(CLOSE_WITHIN, self.writer.close()).await.is_err() {
            tracing::warn!("the last of the access log could not be written in time");
        }
        if let Some(buffers) = self.buffers {
            buffers.close(CLOSE_WITHIN).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_with_and_without_a_port() {
        for (text, host, port) in [
            ("fluentd.example.com:24225", "fluentd.example.com", 24225),
            ("fluentd", "fluentd", 24224),
            ("[::1]:24225", "::1", 24225),
            ("::1", "::1", 24224),
        ] {
            let target: Target = text.parse().unwrap();
            assert_eq!(target, Target { host: host.to_owned(), port }, "{text}");
            assert_eq!(target.to_string().parse(), Ok(target));
        }
        for text in
            ["", ":24224", "fluentd:", "fluentd:x", "fluentd:0", "tcp://fluentd:24224", "a b"]
        {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }
}
