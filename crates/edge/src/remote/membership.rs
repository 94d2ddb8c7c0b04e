//! What an edge keeps of having joined: who it is, and which server it belongs to.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use launcher_model::EdgeName;
use serde::{Deserialize, Serialize};

use super::identity::write_private;
use super::tls::{self, TlsStream};
use super::{Fingerprint, Identity, JoinToken};
use crate::Error;
use crate::certificates;
use crate::keep;
use crate::protocol::{FromEdge, JoinSecret, PROTOCOL, ToEdge};
use crate::wire;

const IDENTITY: &str = "identity.pem";
const MEMBERSHIP: &str = "membership.json";

/// How long a server may take to answer one that wants to join.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// An edge that has joined, and can connect to its server.
#[derive(Debug)]
pub struct Membership {
    identity: Identity,
    kept: Kept,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    edge: EdgeName,
    /// The server's address, `host:port`.
    address: String,
    /// The server's fingerprint.
    server: String,
    /// The hash of the token that it joined with.
    token: [u8; 32],
}

impl Membership {
    /// What an edge's directory keeps of it; none when it has not joined.
    ///
    /// # Errors
    /// When a file of it cannot be read.
    pub fn kept(dir: &Path) -> Result<Option<Self>, Error> {
        let file = dir.join(MEMBERSHIP);
        let failed = |why: String| Error::Identity { file: file.clone(), why };
        let text = match fs::read(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error.to_string())),
        };
        let kept = serde_json::from_slice(&text).map_err(|error| failed(error.to_string()))?;
        Ok(Some(Self { identity: Identity::open(&dir.join(IDENTITY))?, kept }))
    }

    /// The name that the server gave it.
    #[must_use]
    pub fn edge(&self) -> &EdgeName {
        &self.kept.edge
    }

    /// Where its server is, `host:port`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.kept.address
    }

    /// The server has moved to another address, and is still the same.
    #[must_use]
    pub fn at(mut self, address: String) -> Self {
        self.kept.address = address;
        self
    }

    /// Whether this is the token that it joined with.
    #[must_use]
    pub fn came_by(&self, token: &JoinToken) -> bool {
        self.kept.token == token.hash()
    }

    /// Connects to the server.
    pub(crate) async fn connect(&self) -> io::Result<TlsStream> {
        let server = Fingerprint::parse(&self.kept.server);
        let server = server.ok_or_else(|| io::Error::other("the kept fingerprint is damaged"))?;
        tls::connect(&self.kept.address, server, &self.identity).await
    }
}

/// Joins the server at `address` (`host:port`), and keeps that in the edge's directory. Safe to be
/// killed and done again with the same token.
///
/// # Errors
/// [`Error::Join`] when the server cannot be reached, is not the one of the token, or refuses it;
/// [`Error::Identity`] when the directory is of no use.
pub async fn join(dir: &Path, address: &str, token: &JoinToken) -> Result<Membership, Error> {
    let file = dir.join(MEMBERSHIP);
    let unusable =
        |error: io::Error| Error::Identity { file: file.clone(), why: error.to_string() };
    fs::create_dir_all(dir).map_err(unusable)?;
    let identity = Identity::open(&dir.join(IDENTITY))?;
    let failed = |why: String| Error::Join { server: address.to_owned(), why };
    let asked = tokio::time::timeout(ANSWER_WITHIN, ask(address, token, &identity)).await;
    let asked = asked.unwrap_or_else(|_| Err("it does not answer".to_owned()));
    let edge = asked.map_err(failed)?;
    if Membership::kept(dir)?.is_some_and(|kept| kept.kept.server != token.server().to_string()) {
        tracing::warn!("this edge belonged to another server; the routes of that one are dropped");
        keep::forget(dir).map_err(unusable)?;
        certificates::forget(dir).map_err(unusable)?;
    }
    let (address, server) = (address.to_owned(), token.server().to_string());
    let kept = Kept { edge, address, server, token: token.hash() };
    let text = serde_json::to_vec_pretty(&kept).map_err(io::Error::from).map_err(unusable)?;
    write_private(&file, &text).map_err(unusable)?;
    Ok(Membership { identity, kept })
}

async fn ask(address: &str, token: &JoinToken, identity: &Identity) -> Result<EdgeName, String> {
    let stream = tls::connect(address, token.server(), identity).await;
    let stream = stream.map_err(|error| error.to_string())?;
    let (mut reader, mut writer) = wire::split::<_, ToEdge, FromEdge>(stream);
    let secret = JoinSecret(token.secret().clone());
    let join = FromEdge::Join { protocol: PROTOCOL, secret };
    writer.send(&join).await.map_err(|error| error.to_string())?;
    match reader.next().await.map_err(|error| error.to_string())? {
        Some(ToEdge::Joined { edge }) => Ok(edge),
        Some(ToEdge::Refused { why }) => Err(why),
        Some(_) => Err("it answered something else".to_owned()),
        None => Err("it closed the connection".to_owned()),
    }
}
