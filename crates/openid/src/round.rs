//! One way to the provider and back, which only the browser that began it can end.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// How long somebody may take at the provider.
const LIFE: SignedDuration = SignedDuration::from_mins(10);
const SECRET_BYTES: usize = 32;

/// A sign-in that is under way. All of it is in a cookie of the browser that began it, and the server keeps
/// nothing: `state`, `nonce` and the verifier of PKCE are made of the secret in it, each by itself, so that
/// none tells of the others.
#[derive(Clone, PartialEq, Eq)]
pub struct Round {
    secret: [u8; SECRET_BYTES],
    /// When it began, in seconds since 1970.
    began: i64,
    next: String,
}

impl std::fmt::Debug for Round {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Round").field("began", &self.began).finish_non_exhaustive()
    }
}

impl Round {
    /// One that begins, and ends at a page of ours: a path, perhaps with a query, that a cookie can hold as it is.
    #[must_use]
    pub fn begin(next: &str, now: Timestamp) -> Self {
        Self { secret: rand::random(), began: now.as_second(), next: next.to_owned() }
    }

    /// How long it may take, in seconds.
    #[must_use]
    pub fn seconds() -> i64 {
        LIFE.as_secs()
    }

    /// What the browser keeps of it.
    #[must_use]
    pub fn cookie(&self) -> String {
        format!("{}.{}.{}", BASE64_URL_SAFE_NO_PAD.encode(self.secret), self.began, self.next)
    }

    /// What a browser has kept; none when that is none of ours, or too old.
    #[must_use]
    pub fn read(cookie: &str, now: Timestamp) -> Option<Self> {
        let (secret, rest) = cookie.split_once('.')?;
        let (began, next) = rest.split_once('.')?;
        let secret = BASE64_URL_SAFE_NO_PAD.decode(secret).ok()?.try_into().ok()?;
        let round = Self { secret, began: began.parse().ok()?, next: next.to_owned() };
        let age = now.as_second().checked_sub(round.began)?;
        (-1..=LIFE.as_secs()).contains(&age).then_some(round)
    }

    /// Where it ends.
    #[must_use]
    pub fn next(&self) -> &str {
        &self.next
    }

    /// What the provider gives back, by which the way back is known to belong to the way there.
    #[must_use]
    pub fn state(&self) -> String {
        self.made("state")
    }

    /// Whether the provider gave that back.
    #[must_use]
    pub fn is_state(&self, given: &str) -> bool {
        self.state().as_bytes().ct_eq(given.as_bytes()).into()
    }

    /// What the ID token must have in it.
    #[must_use]
    pub(crate) fn nonce(&self) -> String {
        self.made("nonce")
    }

    /// What only who began it knows, and the provider has a hash of.
    #[must_use]
    pub(crate) fn verifier(&self) -> String {
        self.made("verifier")
    }

    /// All of it is in each: a cookie that somebody has changed is that of another one.
    fn made(&self, what: &str) -> String {
        let mut hash = Sha256::new();
        hash.update(b"rocket-launcher openid 1\0");
        for part in [what.as_bytes(), &self.secret, &self.began.to_le_bytes(), self.next.as_bytes()]
        {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        BASE64_URL_SAFE_NO_PAD.encode(hash.finalize())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    #[test]
    fn a_cookie_brings_the_same_round_back_for_ten_minutes() {
        let round = Round::begin("/services/shop-2", at(0));
        let back = |cookie: &str, now| Round::read(cookie, at(now));
        assert_eq!(back(&round.cookie(), 600), Some(round.clone()));
        assert_eq!(round.next(), "/services/shop-2");
        for late in [601, -2] {
            assert_eq!(back(&round.cookie(), late), None, "{late}");
        }
        for other in ["", "a", "a.b.c", &round.cookie()[1..], "AAAA.1800000000./"] {
            assert_eq!(back(other, 0), None, "{other}");
        }
    }

    #[test]
    fn each_word_is_another_one_and_so_is_that_of_a_changed_cookie() {
        let round = Round::begin("/", at(0));
        let words = [round.state(), round.nonce(), round.verifier()];
        for (n, word) in words.iter().enumerate() {
            assert_eq!(word.len(), 43, "PKCE asks for 43 to 128 (RFC 7636, 4.1)");
            assert!(!round.cookie().contains(word));
            assert!(words[n + 1..].iter().all(|other| other != word));
        }
        assert!(round.is_state(&words[0]));
        for wrong in ["", &words[1], &Round::begin("/", at(0)).state()] {
            assert!(!round.is_state(wrong));
        }
        let changed = round.cookie() + "services/mail";
        assert!(!Round::read(&changed, at(0)).unwrap().is_state(&words[0]));
    }
}
