//! The client's part.

use rmpv::Value;

use super::messages::{bytes, elements, ping};
use super::{HandshakeError, Security, User, Words, key_digest, password_digest, same};

/// What the server's `PONG` has to prove.
#[derive(Debug)]
pub struct Expected<'a> {
    security: &'a Security,
    nonce: Vec<u8>,
    salt: String,
    /// The server lets connections live on after a chunk.
    pub keepalive: bool,
}

/// The `PING` with which to answer a server's `HELO`, and what is to come then. The salt is random, and of
/// this handshake alone.
///
/// # Errors
/// When it is no `HELO`.
pub fn answer_helo<'a>(
    helo: &[u8],
    security: &'a Security,
    user: Option<&User>,
    salt: [u8; 16],
) -> Result<(Vec<u8>, Expected<'a>), HandshakeError> {
    let elements = elements(helo, "HELO")?;
    let Some(Value::Map(options)) = elements.get(1) else {
        return Err(HandshakeError::Malformed("its HELO has no options"));
    };
    let option = |name: &str| {
        options.iter().find(|(key, _)| key.as_str() == Some(name)).map(|(_, value)| value)
    };
    let nonce = bytes(option("nonce"))?.to_vec();
    let auth = option("auth").map_or(Ok(&b""[..]), |salt| bytes(Some(salt)))?;
    let keepalive = option("keepalive").and_then(Value::as_bool).unwrap_or(true);
    let salt = hex::encode(salt);
    let Security { hostname, shared_key } = security;
    let key = key_digest(salt.as_bytes(), hostname.as_bytes(), &nonce, shared_key);
    let (name, password) = match user {
        Some(user) if !auth.is_empty() => {
            (&user.name[..], password_digest(auth, user.name.as_bytes(), &user.password))
        }
        _ => ("", String::new()),
    };
    let ping = ping(hostname, &salt, &key, name, &password);
    Ok((ping, Expected { security, nonce, salt, keepalive }))
}

impl Expected<'_> {
    /// Whether a server's `PONG` proves it.
    ///
    /// # Errors
    /// When it does not, or refuses; then the connection is to be closed.
    pub fn check(&self, pong: &[u8]) -> Result<(), HandshakeError> {
        let elements = elements(pong, "PONG")?;
        let [_, Value::Boolean(well), reason, hostname, digest] = &elements[..] else {
            return Err(HandshakeError::Malformed("its PONG does not have five elements"));
        };
        if !well {
            return Err(HandshakeError::Refused(Words(bytes(Some(reason))?).to_string()));
        }
        let hostname = bytes(Some(hostname))?;
        if hostname == self.security.hostname.as_bytes() {
            return Err(HandshakeError::SameHostname(self.security.hostname.clone()));
        }
        let key = &self.security.shared_key;
        if !same(
            bytes(Some(digest))?,
            &key_digest(self.salt.as_bytes(), hostname, &self.nonce, key),
        ) {
            return Err(HandshakeError::SharedKey);
        }
        Ok(())
    }
}
