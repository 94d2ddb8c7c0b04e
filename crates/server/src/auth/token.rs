//! The text of tokens: shown once, kept only as a hash.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// The text of a token or of a session's cookie. It cannot be printed by accident.
///
/// It has 256 random bits, so that a plain SHA-256 of it can be kept: there is nothing to guess.
#[derive(Debug, Clone)]
pub struct TokenText(SecretString);

/// By its beginning a token is recognized where it should not be.
const PREFIX: &str = "rl_";

impl TokenText {
    /// A new one.
    #[must_use]
    pub fn random() -> Self {
        let bytes: [u8; 32] = rand::random();
        Self(SecretString::from(format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes))))
    }

    /// The text, to be handed to the one it is for.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// What is kept of it.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.expose().as_bytes()).into()
    }
}

impl From<&str> for TokenText {
    fn from(text: &str) -> Self {
        Self(SecretString::from(text.to_owned()))
    }
}
