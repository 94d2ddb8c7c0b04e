//! Passwords of people: kept as Argon2id makes them, in the form that is called a PHC string.

use std::sync::LazyLock;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use crate::http::problem::Problem;

/// The shortest password, in characters: longer than what is guessed, as there is no second factor.
pub const SHORTEST: usize = 12;
/// The longest, in characters.
pub const LONGEST: usize = 256;

/// What OWASP recommends for Argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// As many are worked on at once: each takes its memory, and a processor.
static AT_ONCE: Semaphore = Semaphore::const_new(2);
/// How long one waits for its turn.
const WAIT: Duration = Duration::from_secs(10);

/// Compared with where there is nothing to compare with, so that it takes as long.
static NOBODYS: LazyLock<Option<String>> = LazyLock::new(|| hashed("nobody's password").ok());

/// What came of comparing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Compared {
    /// It is the password.
    pub(crate) fits: bool,
    /// It is kept with less work than is asked for today.
    pub(crate) outdated: bool,
}

/// Refuses what is no password for a person of this name.
///
/// # Errors
/// Says what is wrong with it.
pub(crate) fn check(password: &SecretString, name: &str) -> Result<(), String> {
    let text = password.expose_secret();
    let length = text.chars().count();
    if !(SHORTEST..=LONGEST).contains(&length) {
        return Err(format!("a password has {SHORTEST} to {LONGEST} characters"));
    }
    if text.eq_ignore_ascii_case(name) {
        return Err("the password must not be the name".to_owned());
    }
    Ok(())
}

/// What is kept of a password.
///
/// # Errors
/// When too many wait, or the machine has no memory or randomness.
pub(crate) async fn hash(password: SecretString) -> Result<SecretString, Problem> {
    let hashed = on_a_thread(move || hashed(password.expose_secret())).await?;
    hashed
        .map(SecretString::from)
        .map_err(|error| Problem::fault(format!("the password could not be hashed: {error}")))
}

/// Compares a password with what is kept of one. With nothing to compare with it takes as long, and never
/// fits.
///
/// # Errors
/// When too many wait.
pub(crate) async fn compare(
    password: SecretString,
    kept: Option<SecretString>,
) -> Result<Compared, Problem> {
    on_a_thread(move || {
        let is_kept = kept.is_some();
        // Made by whoever signs in first, so that its making tells nothing either.
        let nobodys = LazyLock::force(&NOBODYS);
        let kept = kept.map(|kept| kept.expose_secret().to_owned()).or_else(|| nobodys.clone());
        let Some(kept) = kept else { return Compared { fits: false, outdated: false } };
        let compared = compared(password.expose_secret(), &kept);
        Compared { fits: compared.fits && is_kept, ..compared }
    })
    .await
}

async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    let busy = || Problem::later("too many people sign in at this moment; try again");
    let turn = tokio::time::timeout(WAIT, AT_ONCE.acquire()).await;
    let _turn = turn.map_err(|_| busy())?.map_err(|_| busy())?;
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Problem::fault(format!("a password could not be worked on: {error}")))
}

fn argon2() -> Argon2<'static> {
    // These parameters are valid; the library's own would be, too.
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hashed(password: &str) -> Result<String, argon2::password_hash::Error> {
    let hash: PasswordHash = argon2().hash_password(password.as_bytes())?;
    Ok(hash.to_string())
}

fn compared(password: &str, kept: &str) -> Compared {
    let Ok(hash) = PasswordHash::new(kept) else {
        return Compared { fits: false, outdated: false };
    };
    let fits = argon2().verify_password(password.as_bytes(), &hash).is_ok();
    let outdated = Params::try_from(&hash).map_or(true, |params| {
        hash.algorithm.as_str() != Algorithm::Argon2id.as_str()
            || params.m_cost() < MEMORY_KIB
            || params.t_cost() < PASSES
    });
    Compared { fits, outdated }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_password_fits_what_was_kept_of_it_and_nothing_else() {
        let kept = hashed("correct horse battery").unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert_ne!(kept, hashed("correct horse battery").unwrap(), "each has a salt of its own");
        assert_eq!(
            compared("correct horse battery", &kept),
            Compared { fits: true, outdated: false }
        );
        assert!(!compared("Correct horse battery", &kept).fits);
        assert!(!compared("", "").fits);
    }

    #[test]
    fn what_was_kept_with_less_work_is_outdated() {
        let params = Params::new(8 * 1024, 1, 1, None).unwrap();
        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let kept: PasswordHash = weak.hash_password(b"correct horse battery").unwrap();
        let compared = compared("correct horse battery", &kept.to_string());
        assert_eq!(compared, Compared { fits: true, outdated: true });
    }

    #[tokio::test]
    async fn nothing_fits_where_there_is_none() {
        let nothing = compare(SecretString::from("nobody's password"), None).await.unwrap();
        assert!(!nothing.fits);
    }

    #[test]
    fn a_password_is_long_and_not_the_name() {
        let says = |text: &str| check(&SecretString::from(text), "mika@example.com");
        assert!(says("correct horse battery").is_ok());
        assert!(says("elf Zeichen").is_err());
        assert!(says(&"x".repeat(257)).is_err());
        assert!(says("Mika@Example.com").is_err());
    }
}
