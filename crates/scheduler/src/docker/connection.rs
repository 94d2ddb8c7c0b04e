//! The way to the engine: opened when it is needed, and again after the engine was away.

use std::error::Error as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bollard::errors::Error as EngineError;
use bollard::models::SystemInfo;
use bollard::{API_DEFAULT_VERSION, BollardRequest};

use crate::{Error, Result};

/// How long an engine that is there may take to say so.
const REACH: Duration = Duration::from_secs(10);
/// How long it may take until the head of an answer, in seconds.
const ANSWER: u64 = 120;

/// Where secrets would go if bollard's debug lines were compiled in.
const _: () = assert!(
    log::STATIC_MAX_LEVEL as usize <= log::LevelFilter::Info as usize,
    "bollard logs request bodies at the debug level"
);

/// The way to one engine.
#[derive(Debug)]
pub(crate) struct Connection {
    host: String,
    opened: Mutex<Option<Opened>>,
}

#[derive(Debug, Clone)]
struct Opened {
    api: bollard::Docker,
    name: Arc<str>,
}

impl Connection {
    /// Nothing is opened yet.
    ///
    /// # Errors
    /// When `host` is neither a Unix socket nor an address without TLS.
    pub(crate) fn new(host: String) -> Result<Self> {
        let known = ["unix://", "tcp://", "http://", "/"].iter().any(|s| host.starts_with(s));
        if !known {
            let why =
                "write unix:///PATH, or tcp://HOST:PORT for an engine that listens without TLS";
            return Err(Error::Setting { what: "the engine's address", given: host, why });
        }
        Ok(Self { host, opened: Mutex::default() })
    }

    /// Where the engine listens, as it was configured.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Whether the engine is on this machine.
    pub(crate) fn is_local(&self) -> bool {
        self.host.starts_with("unix://") || self.host.starts_with('/')
    }

    /// The engine's socket, when it is on this machine.
    pub(crate) fn socket(&self) -> Option<&str> {
        self.is_local().then(|| self.host.strip_prefix("unix://").unwrap_or(&self.host))
    }

    /// The engine's host and port, when it is not known by a socket.
    pub(crate) fn authority(&self) -> &str {
        let after = self.host.split_once("://").map_or(self.host.as_str(), |(_, rest)| rest);
        after.trim_end_matches('/')
    }

    /// What stands before the port in the address by which other machines reach the engine's.
    pub(crate) fn address(&self) -> &str {
        if self.is_local() {
            return "127.0.0.1";
        }
        self.authority().rsplit_once(':').map_or(self.authority(), |(host, _port)| host)
    }

    /// Prepares calls of the engine for one purpose, which its errors name.
    pub(crate) async fn call(self: &Arc<Self>, doing: &'static str) -> Result<Call> {
        let remembered = self.opened.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match remembered {
            Some(opened) => Ok(self.prepare(opened, doing)),
            None => Ok(self.open(doing).await?.0),
        }
    }

    /// The same, with what the engine says of itself now.
    pub(crate) async fn open(self: &Arc<Self>, doing: &'static str) -> Result<(Call, SystemInfo)> {
        let reached = tokio::time::timeout(REACH, self.reach()).await;
        let reached = reached.unwrap_or(Err(EngineError::RequestTimeoutError));
        let (api, info) = reached.map_err(|error| self.translate(doing, error))?;
        let name = info.name.clone().unwrap_or_default().into();
        let opened = Opened { api, name };
        *self.opened.lock().unwrap_or_else(PoisonError::into_inner) = Some(opened.clone());
        Ok((self.prepare(opened, doing), info))
    }

    async fn reach(&self) -> std::result::Result<(bollard::Docker, SystemInfo), EngineError> {
        let client = if self.is_local() {
            bollard::Docker::connect_with_unix(&self.host, ANSWER, API_DEFAULT_VERSION)
        } else {
            bollard::Docker::connect_with_http(&self.host, ANSWER, API_DEFAULT_VERSION)
        };
        let api = client?.with_request_modifier(url_safe_login).negotiate_version().await?;
        let info = api.info().await?;
        Ok((api, info))
    }

    fn prepare(self: &Arc<Self>, opened: Opened, doing: &'static str) -> Call {
        let Opened { api, name } = opened;
        Call { api, host: name, doing, connection: Arc::clone(self) }
    }

    fn translate(&self, doing: &'static str, error: EngineError) -> Error {
        let why = match error {
            // What an engine says that is on its way out, or not quite up.
            EngineError::DockerResponseServerError { status_code: 503, message } => message,
            EngineError::DockerResponseServerError { message, .. } if is_trouble(&message) => message,
            EngineError::DockerResponseServerError { message, .. } => {
                return Error::Refused { doing, why: message };
            }
            EngineError::DockerStreamError { error } => {
                return Error::Refused { doing, why: error };
            }
            EngineError::SocketNotFoundError(_) => {
                "there is no such socket: start the engine, or say where it listens".to_owned()
            }
            EngineError::RequestTimeoutError => "it does not answer in time".to_owned(),
            EngineError::IOError { .. }
            | EngineError::HyperResponseError { .. }
            | EngineError::HyperLegacyError { .. }
            // An answer that breaks off.
            | EngineError::JsonSerdeError { .. } => chain(&error),
            other => return Error::Refused { doing, why: chain(&other) },
        };
        *self.opened.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Error::Unreachable { engine: format!("Docker at {}", self.host), doing, why }
    }
}

/// Calls of the engine for one purpose.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) api: bollard::Docker,
    /// The name of the engine's machine.
    pub(crate) host: Arc<str>,
    doing: &'static str,
    connection: Arc<Connection>,
}

impl Call {
    /// The same way for another purpose.
    pub(crate) fn to(&self, doing: &'static str) -> Self {
        Self { doing, ..self.clone() }
    }

    /// The same way, for an answer that may take so much longer.
    pub(crate) fn patient(mut self, longer: Duration) -> Self {
        self.api.set_timeout(Duration::from_secs(ANSWER).saturating_add(longer));
        self
    }

    /// What an engine's error is to a caller.
    pub(crate) fn fail(&self, error: EngineError) -> Error {
        self.connection.translate(self.doing, error)
    }
}

/// The status that the engine refused with, and its words.
pub(crate) fn refusal(error: &EngineError) -> Option<(u16, &str)> {
    match error {
        EngineError::DockerResponseServerError { status_code, message } => {
            Some((*status_code, message))
        }
        _ => None,
    }
}

/// Whether the engine knows no such container (or image, or whatever was asked for).
pub(crate) fn is_missing(error: &EngineError) -> bool {
    refusal(error).is_some_and(|(status, _)| status == 404)
}

/// Whether the engine is removing the container already.
pub(crate) fn is_leaving(error: &EngineError) -> bool {
    refusal(error).is_some_and(|(status, message)| {
        let message = message.to_ascii_lowercase();
        status == 409 && (message.contains("already in progress") || message.contains("marked for"))
    })
}

/// Whether an engine's words tell of trouble of its own, as while it is stopped, or after it was killed in
/// the middle of something; trying again later may help.
pub(crate) fn is_trouble(words: &str) -> bool {
    [
        "failed to start shim",
        "connection error: desc",
        "connection is closing",
        "transport is closing",
        "ttrpc: closed",
        "context canceled",
        "shutting down",
    ]
    .iter()
    .any(|sign| words.contains(sign))
}

/// An error and its causes in one line.
fn chain(error: &EngineError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    if text.contains("Permission denied") {
        text.push_str(" (run as root, or as a member of the group docker)");
    }
    text
}

/// The engine reads `X-Registry-Auth` in the URL-safe alphabet (RFC 4648, section 5) and takes a login
/// that it cannot read for none; bollard writes the other alphabet.
fn url_safe_login(mut request: BollardRequest) -> BollardRequest {
    for name in ["x-registry-auth", "x-registry-config"] {
        let Some(value) = request.headers_mut().get_mut(name) else { continue };
        let safe: Vec<u8> = value
            .as_bytes()
            .iter()
            .map(|byte| match byte {
                b'+' => b'-',
                b'/' => b'_',
                other => *other,
            })
            .collect();
        if let Ok(mut safe) = safe.try_into() {
            std::mem::swap(value, &mut safe);
            value.set_sensitive(true);
        }
    }
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_sockets_or_hosts() {
        for (host, address) in [
            ("unix:///run/docker.sock", "127.0.0.1"),
            ("/run/docker.sock", "127.0.0.1"),
            ("tcp://10.0.0.7:2375", "10.0.0.7"),
            ("http://builder:2375", "builder"),
        ] {
            assert_eq!(Connection::new(host.to_owned()).unwrap().address(), address);
        }
        for bad in ["", "ssh://host", "https://host:2376", "host:2375"] {
            let refused = Connection::new(bad.to_owned());
            assert!(matches!(refused, Err(Error::Setting { .. })), "{bad}");
        }
    }

    #[tokio::test]
    async fn an_engine_that_is_not_there_is_unreachable_and_said_to_be() {
        let connection = Arc::new(Connection::new("unix:///no/such/socket".to_owned()).unwrap());
        let error = connection.call("looking at containers").await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "Docker at unix:///no/such/socket cannot be reached while looking at containers: there is no \
             such socket: start the engine, or say where it listens"
        );
    }
}
