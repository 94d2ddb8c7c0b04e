//! The server's part.

use super::messages::{bytes, elements, helo, pong};
use super::{HandshakeError, Security, User, key_digest, password_digest, same};

/// One handshake with one client.
#[derive(Debug)]
pub struct Greeting<'a> {
    security: &'a Security,
    users: &'a [User],
    nonce: [u8; 16],
    salt: [u8; 16],
}

impl<'a> Greeting<'a> {
    /// One with whoever has the key, and is one of the users where there are any. The nonce and the salt
    /// are random, and of this handshake alone.
    #[must_use]
    pub fn new(security: &'a Security, users: &'a [User], nonce: [u8; 16], salt: [u8; 16]) -> Self {
        Self { security, users, nonce, salt }
    }

    /// What the server begins with.
    #[must_use]
    pub fn helo(&self) -> Vec<u8> {
        helo(&self.nonce, if self.users.is_empty() { &[] } else { &self.salt })
    }

    /// What to answer to a client's `PING`. It is to be sent in either case, and then the connection is to
    /// be closed when there is an error beside it.
    pub fn answer(&self, ping: &[u8]) -> (Vec<u8>, Result<(), HandshakeError>) {
        match self.check(ping) {
            Ok(digest) => (pong(true, "", &self.security.hostname, &digest), Ok(())),
            Err(error) => (pong(false, reason(&error), "", ""), Err(error)),
        }
    }

    /// The digest that proves to the client that this end has the key as well.
    fn check(&self, ping: &[u8]) -> Result<String, HandshakeError> {
        let elements = elements(ping, "PING")?;
        let [_, hostname, salt, digest, user, password] = &elements[..] else {
            return Err(HandshakeError::Malformed("its PING does not have six elements"));
        };
        let (hostname, salt) = (bytes(Some(hostname))?, bytes(Some(salt))?);
        let (digest, user) = (bytes(Some(digest))?, bytes(Some(user))?);
        let key = &self.security.shared_key;
        if !same(digest, &key_digest(salt, hostname, &self.nonce, key)) {
            return Err(HandshakeError::SharedKey);
        }
        if !self.users.is_empty() && !self.is_user(user, bytes(Some(password))?) {
            return Err(HandshakeError::User);
        }
        Ok(key_digest(salt, self.security.hostname.as_bytes(), &self.nonce, key))
    }

    /// It takes the same time whether the name is known or not.
    fn is_user(&self, name: &[u8], digest: &[u8]) -> bool {
        self.users.iter().fold(false, |found, user| {
            let right = same(digest, &password_digest(&self.salt, name, &user.password));
            found | (right & same(name, &user.name))
        })
    }
}

/// As Fluentd words it.
fn reason(error: &HandshakeError) -> &'static str {
    match error {
        HandshakeError::SharedKey => "shared_key mismatch",
        HandshakeError::User => "username/password mismatch",
        _ => "invalid ping message",
    }
}
