//! Join tokens: what lets a new edge in, once.

use std::str::FromStr;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::Fingerprint;

/// By its beginning a token is recognized where it should not be.
const PREFIX: &str = "rlj_";

/// Lets one edge join, and tells it which server to trust. It cannot be printed by accident.
#[derive(Debug, Clone)]
pub struct JoinToken {
    secret: SecretString,
    server: Fingerprint,
}

/// What was given as a join token is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("that is not a join token; `launcher edges invite NAME` prints one")]
pub struct NoJoinToken;

impl JoinToken {
    /// A new one for edges of the server with this fingerprint.
    #[must_use]
    pub fn random(server: Fingerprint) -> Self {
        let bytes: [u8; 32] = rand::random();
        Self { secret: BASE64_URL_SAFE_NO_PAD.encode(bytes).into(), server }
    }

    /// The text, to be handed to the one it is for.
    #[must_use]
    pub fn expose(&self) -> String {
        format!("{PREFIX}{}.{}", self.secret.expose_secret(), self.server)
    }

    /// The part that only those know who have the token.
    pub(super) fn secret(&self) -> &SecretString {
        &self.secret
    }

    /// The server that it is for.
    pub(super) fn server(&self) -> Fingerprint {
        self.server
    }

    /// What the server keeps of it. It has 256 random bits, so there is nothing to guess.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Self::hash_of(self.secret.expose_secret())
    }

    /// The same, of the part that an edge sends.
    #[must_use]
    pub fn hash_of(secret: &str) -> [u8; 32] {
        Sha256::digest(secret).into()
    }
}

impl FromStr for JoinToken {
    type Err = NoJoinToken;

    fn from_str(text: &str) -> Result<Self, NoJoinToken> {
        let (secret, server) = text
            .trim()
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split_once('.'))
            .ok_or(NoJoinToken)?;
        let server = Fingerprint::parse(server).ok_or(NoJoinToken)?;
        let is_secret = BASE64_URL_SAFE_NO_PAD.decode(secret).is_ok_and(|bytes| bytes.len() == 32);
        if is_secret { Ok(Self { secret: secret.into(), server }) } else { Err(NoJoinToken) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_it_was_written_and_does_not_print() {
        let token = JoinToken::random(Fingerprint([7; 32]));
        let text = token.expose();
        let read: JoinToken = format!(" {text}\n").parse().unwrap();
        assert_eq!((read.hash(), read.server()), (token.hash(), Fingerprint([7; 32])));
        assert!(!format!("{token:?}").contains(token.secret().expose_secret()));
        for bad in ["", "rl_x", "rlj_", "rlj_x.y", &text[..text.len() - 1], &text[1..]] {
            assert_eq!(bad.parse::<JoinToken>().unwrap_err(), NoJoinToken, "{bad}");
        }
    }
}
