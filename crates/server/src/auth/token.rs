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

const RANDOM_BYTES: usize = 32;

impl TokenText {
    /// A new one.
    #[must_use]
    pub fn random() -> Self {
        let bytes: [u8; RANDOM_BYTES] = rand::random();
        Self(SecretString::from(format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes))))
    }

    /// Takes a text that [`random`](Self::random) may have made; none for any other, so that no empty
    /// or guessed text is ever looked up, or kept as somebody's token.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
        (bytes.len() == RANDOM_BYTES).then(|| Self(SecretString::from(text.to_owned())))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_text_that_was_made_here_is_taken() {
        let made = TokenText::random();
        let read = TokenText::read(made.expose()).map(|text| text.hash());
        assert_eq!(read, Some(made.hash()));
        let cut = &made.expose()[..made.expose().len() - 1];
        let other = made.expose().replacen("rl_", "xx_", 1);
        for text in ["", " ", "rl_", "password", "rl_AAAA", cut, &other, &format!("{cut}é")] {
            assert!(TokenText::read(text).is_none(), "{text}");
        }
    }
}
