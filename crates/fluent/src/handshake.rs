//! Recognizing one another, section *Handshake Messages*: both know a key, and neither says it.
//!
//! The server begins with `HELO` and a nonce; the client answers with `PING`, in which a digest proves
//! that it has the key; the server proves the same in `PONG`. Names and passwords of users may come on
//! top. None of it encrypts what follows: that is what TLS is for.
//!
//! Here are the messages and what they prove; who reads and writes them is elsewhere.

mod client;
mod messages;
mod server;

use std::fmt;

use rand::Rng as _;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha512};
use subtle::ConstantTimeEq as _;

pub use client::{Expected, answer_helo};
pub use server::Greeting;

use crate::wire::{FrameError, Limits};

/// The longest message of a handshake, in bytes: whoever sends it is not known yet.
const LONGEST: usize = 8 << 10;

/// What is read from somebody who is not known yet.
pub(crate) fn limits() -> Limits {
    Limits { frame: LONGEST, inflated: 0, depth: 4, values: 64 }
}

/// What both ends know, and nobody else.
#[derive(Debug, Clone)]
pub struct SharedKey(SecretString);

impl SharedKey {
    /// A key. It should be as hard to guess as a password: who sees a handshake can try keys at leisure.
    #[must_use]
    pub fn new(key: SecretString) -> Self {
        Self(key)
    }
}

/// That an end recognizes the other one, and is recognized.
#[derive(Debug, Clone)]
pub struct Security {
    /// What this end calls itself. It must differ from what the other end calls itself.
    pub hostname: String,
    /// What both know.
    pub shared_key: SharedKey,
}

/// A user of a server.
#[derive(Debug, Clone)]
pub struct User {
    /// The name.
    pub name: String,
    /// The password.
    pub password: SecretString,
}

/// Why a handshake came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// It is none of the messages of a handshake.
    #[error("it does not greet as the Forward protocol has it: {0}")]
    Malformed(&'static str),
    /// What came was no frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The other end does not have the key.
    #[error("its shared key is another one; give both ends the same")]
    SharedKey,
    /// The client is no user.
    #[error("its user is not known here, or the password is another one")]
    User,
    /// The server says no.
    #[error("it refuses: {0}")]
    Refused(String),
    /// Both ends have the same name. Somebody without the key could send a client's own proof back then.
    #[error("it calls itself {0} too; give one of the two another hostname")]
    SameHostname(String),
}

/// Bytes that nobody can foresee.
pub(crate) fn random() -> [u8; 16] {
    let mut bytes = [0; 16];
    rand::rng().fill_bytes(&mut bytes);
    bytes
}

/// Proves that `hostname` knows the key.
fn key_digest(salt: &[u8], hostname: &[u8], nonce: &[u8], key: &SharedKey) -> String {
    let digest = Sha512::new()
        .chain_update(salt)
        .chain_update(hostname)
        .chain_update(nonce)
        .chain_update(key.0.expose_secret());
    hex::encode(digest.finalize())
}

/// Proves that a user knows the password.
fn password_digest(salt: &[u8], name: &[u8], password: &SecretString) -> String {
    let digest =
        Sha512::new().chain_update(salt).chain_update(name).chain_update(password.expose_secret());
    hex::encode(digest.finalize())
}

/// Compares in a time that tells nothing.
fn same(one: &[u8], other: &str) -> bool {
    one.ct_eq(other.as_bytes()).into()
}

/// What another end says, for people: short, and without what a terminal would obey.
struct Words<'a>(&'a [u8]);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = String::from_utf8_lossy(self.0);
        let text: String = text.chars().filter(|c| !c.is_control()).take(200).collect();
        f.write_str(&text)
    }
}

#[cfg(test)]
mod tests;
