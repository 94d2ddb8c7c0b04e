//! `[fluentd]`: where access logs may be sent, and `[access_log]`: where those of this machine's edge go.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use launcher_fluent::tls::Acceptor;
use launcher_fluent::{ListenOptions, Security, User};
use launcher_model::Bytes;
use launcher_telemetry::access::Counts;
use serde::Deserialize;

use super::address::listened;
use crate::run::access_log::{Format, Target};
use crate::run::fluentd::{hostname, read_key, read_password};

/// A listener for Fluentd's protocol.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fluentd {
    /// Where it takes TCP connections.
    #[serde(deserialize_with = "listened::<_, 24224>")]
    listen: SocketAddr,
    /// A Unix socket beside it.
    unix: Option<PathBuf>,
    /// What clients have to know.
    shared_key_file: Option<PathBuf>,
    /// What it is called by clients that have the key.
    hostname: Option<String>,
    /// For TLS.
    tls_certificate_file: Option<PathBuf>,
    tls_key_file: Option<PathBuf>,
    /// Who clients may be.
    #[serde(default)]
    users: Vec<OneUser>,
    /// What counts of our own edges.
    #[serde(default)]
    count: Count,
}

/// `[[fluentd.users]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct OneUser {
    name: String,
    password_file: PathBuf,
}

/// What counts of our own edges, which tell what they carry in any case.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Count {
    #[default]
    Edges,
    Records,
}

impl Fluentd {
    /// Whether clients need to know something.
    pub(crate) fn has_key(&self) -> bool {
        self.shared_key_file.is_some()
    }

    /// What counts of our own edges.
    pub(crate) fn counts(&self) -> Counts {
        match self.count {
            Count::Edges => Counts::Edges,
            Count::Records => Counts::Records,
        }
    }

    /// The listener. Keys and passwords are read now.
    pub(crate) fn options(&self) -> Result<ListenOptions> {
        let security = match &self.shared_key_file {
            None => None,
            Some(path) => {
                let hostname = self.hostname.clone().unwrap_or_else(|| hostname("launcher-server"));
                Some(Security { hostname, shared_key: read_key(path)? })
            }
        };
        let mut users = Vec::new();
        for OneUser { name, password_file } in &self.users {
            users.push(User { name: name.clone(), password: read_password(password_file)? });
        }
        if security.is_none() && !users.is_empty() {
            bail!("[fluentd] has users, who are of no effect without a shared_key_file; add one");
        }
        let unix = self.unix.clone();
        Ok(ListenOptions {
            unix,
            security,
            users,
            tls: self.tls()?,
            ..ListenOptions::at(self.listen)
        })
    }

    fn tls(&self) -> Result<Option<Acceptor>> {
        let (certificate, key) = match (&self.tls_certificate_file, &self.tls_key_file) {
            (Some(certificate), Some(key)) => (certificate, key),
            (None, None) => return Ok(None),
            _ => bail!("[fluentd] needs both tls_certificate_file and tls_key_file, or neither"),
        };
        let read = |path: &PathBuf| {
            std::fs::read(path).with_context(|| format!("[fluentd] cannot read {}", path.display()))
        };
        let acceptor = Acceptor::new(&read(certificate)?, &read(key)?);
        Ok(Some(acceptor.context("[fluentd] tls_certificate_file and tls_key_file")?))
    }
}

/// The access log of this machine's edge.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccessLog {
    /// The file that it is written to; `-` is the standard output.
    path: Option<PathBuf>,
    /// How its lines are written.
    format: Option<Format>,
    /// Where it is sent.
    #[serde(default)]
    fluentd: Vec<Target>,
    /// The tag of its records.
    tag: Option<String>,
    /// What the server has to know.
    shared_key_file: Option<PathBuf>,
    /// Who to be there.
    username: Option<String>,
    password_file: Option<PathBuf>,
    /// Whether the connection is encrypted.
    #[serde(default)]
    tls: bool,
    /// Authorities to trust.
    ca_file: Option<PathBuf>,
    /// How much may wait on disk.
    buffer: Option<Bytes>,
    /// Whether queries are in it.
    query: Option<bool>,
}

impl AccessLog {
    /// Whether it makes sense.
    pub(super) fn check(&self) -> Result<()> {
        if self.fluentd.is_empty() && self.path.is_none() {
            bail!(
                "[access_log] says not where to; write for example path = \"/var/log/launcher/access.log\", or fluentd = [\"fluentd.example.com:24224\"]"
            );
        }
        if self.format.is_some() && self.path.is_none() {
            bail!("[access_log] has a format, which is of no effect without a path; add one");
        }
        let of_fluentd = [
            ("tag", self.tag.is_some()),
            ("shared_key_file", self.shared_key_file.is_some()),
            ("tls", self.tls),
            ("buffer", self.buffer.is_some()),
        ];
        if self.fluentd.is_empty()
            && let Some((name, _)) = of_fluentd.into_iter().find(|(_, said)| *said)
        {
            bail!("[access_log] has {name}, which is of no effect without fluentd; add that");
        }
        if self.username.is_some() != self.password_file.is_some() {
            bail!("[access_log] needs both username and password_file, or neither");
        }
        if self.username.is_some() && self.shared_key_file.is_none() {
            bail!(
                "[access_log] has a username, which is of no effect without a shared_key_file; add one"
            );
        }
        if self.ca_file.is_some() && !self.tls {
            bail!("[access_log] has a ca_file, which is of no effect without tls = true; add that");
        }
        Ok(())
    }

    /// The same as arguments of `launcher edge`.
    pub(crate) fn arguments(&self) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = Vec::new();
        let mut add = |name: &str, value: Option<OsString>| {
            if let Some(value) = value {
                arguments.extend([name.into(), value]);
            }
        };
        for target in &self.fluentd {
            add("--access-log-fluentd", Some(target.to_string().into()));
        }
        let path = |path: &Option<PathBuf>| path.clone().map(OsString::from);
        add("--access-log", path(&self.path));
        add("--access-log-format", self.format.map(|format| format.as_str().into()));
        add("--access-log-tag", self.tag.clone().map(OsString::from));
        add("--access-log-key-file", path(&self.shared_key_file));
        add("--access-log-user", self.username.clone().map(OsString::from));
        add("--access-log-password-file", path(&self.password_file));
        add("--access-log-ca-file", path(&self.ca_file));
        add("--access-log-buffer", self.buffer.map(|bytes| bytes.to_string().into()));
        if self.tls {
            arguments.push("--access-log-tls".into());
        }
        if self.query == Some(false) {
            arguments.push("--access-log-no-query".into());
        }
        arguments
    }
}
