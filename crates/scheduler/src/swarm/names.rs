//! What an installation's things are called in a Swarm, and the labels by which they are known again.

use std::collections::HashMap;

use hmac::{Hmac, KeyInit as _, Mac as _};
use launcher_model::service::Probe;
use launcher_model::version::Version;
use launcher_model::{ServiceName, VersionNumber};
use secrecy::ExposeSecret as _;
use secrecy::zeroize::Zeroizing;
use sha2::{Digest as _, Sha256};

use super::NamingKey;
use crate::identity::{Installation, SERVE};
use crate::labels;

/// The label that says a Swarm service's name.
pub(super) const NAME: &str = "launcher.swarm.service";
/// The label of what the engine checks with a command. bollard writes that setting under another name than
/// the one it reads it by, so that it cannot be read from the Swarm.
pub(super) const CHECK: &str = "launcher.swarm.check";

/// The longest name of a service that a Swarm takes.
const LONGEST: usize = 63;
/// So many digits of a hash tell long names apart.
const HASH: usize = 8;

/// A block of SHA-256.
const BLOCK: usize = 64;
/// So many hexadecimal digits name a secret: there is room for 64 characters.
const DIGITS: usize = 40;

/// What a Swarm service is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Purpose {
    /// It takes requests; the number counts the services of one environment from 1.
    Serve(u32),
    /// It runs the release command of its version.
    Release,
    /// It runs a person's command.
    Run(String),
}

impl Purpose {
    fn role(&self) -> &'static str {
        match self {
            Self::Serve(_) => SERVE,
            Self::Release => RELEASE,
            Self::Run(_) => crate::identity::RUN,
        }
    }
}

/// The value of [`labels::ROLE`] for a release command.
const RELEASE: &str = "release";

/// A Swarm service's name.
pub(super) fn service_name(
    installation: &Installation,
    service: &ServiceName,
    version: VersionNumber,
    purpose: &Purpose,
) -> String {
    let before = format!("launcher-{}-", installation.short());
    let after = match purpose {
        Purpose::Serve(1) => format!("-{version}"),
        Purpose::Serve(number) => format!("-{version}-{number}"),
        Purpose::Release => format!("-{version}-release"),
        Purpose::Run(nonce) => format!("-{version}-run-{nonce}"),
    };
    let service = service.as_str();
    let room = LONGEST - before.len() - after.len();
    if service.len() <= room {
        return format!("{before}{service}{after}");
    }
    // A name may not hold a hyphen at its end alone; here one stands before the hash in any case.
    let cut = &service[..room - HASH - 1];
    format!("{before}{cut}-{}{after}", &hash(service)[..HASH])
}

/// The labels of a Swarm service and of its containers.
pub(super) fn service_labels(
    installation: &Installation,
    name: &str,
    version: &Version,
    purpose: &Purpose,
) -> HashMap<String, String> {
    let number = match purpose {
        Purpose::Serve(number) => Some((labels::ATTEMPT, number.to_string())),
        _ => None,
    };
    let checked = number.is_some() && matches!(version.spec.health.probe(), Probe::Exec(_));
    [
        (labels::INSTALLATION, installation.as_str().to_owned()),
        (labels::SERVICE, version.service.to_string()),
        (labels::VERSION, version.number.0.to_string()),
        (labels::ROLE, purpose.role().to_owned()),
        (labels::PORT, version.spec.service.port.to_string()),
        (NAME, name.to_owned()),
    ]
    .into_iter()
    .chain(number)
    .chain(checked.then(|| (CHECK, "exec".to_owned())))
    .map(|(label, value)| (label.to_owned(), value))
    .collect()
}

/// A name for the value of one of a service's variables, which says nothing of the value to anybody who has
/// not got the key: everyone who may list a Swarm's secrets sees their names.
pub(super) fn secret_name(
    key: &NamingKey,
    installation: &Installation,
    service: &ServiceName,
    variable: &str,
    value: &str,
) -> String {
    // HMAC fills a key that is shorter than a block with zeros (RFC 2104, section 2).
    let mut block = Zeroizing::new([0; BLOCK]);
    let key = key.0.expose_secret();
    block[..key.len()].copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new((&*block).into());
    for part in [installation.as_str(), service.as_str(), variable, value] {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part.as_bytes());
    }
    let mac = mac.finalize().into_bytes();
    let digits: String = mac[..DIGITS / 2].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("launcher-{}-{digits}", installation.short())
}

/// The SHA-256 of a text in hexadecimal digits.
fn hash(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_a_service_is_for_and_fit() {
        let ours = Installation::new("0123456789abcdef").unwrap();
        let name = |service: &str, number, purpose| {
            service_name(
                &ours,
                &ServiceName::new(service).unwrap(),
                VersionNumber(number),
                &purpose,
            )
        };
        assert_eq!(name("shop", 42, Purpose::Serve(1)), "launcher-01234567-shop-v42");
        assert_eq!(name("shop", 42, Purpose::Serve(3)), "launcher-01234567-shop-v42-3");
        assert_eq!(name("shop", 42, Purpose::Release), "launcher-01234567-shop-v42-release");
        let longest = "x".repeat(launcher_model::name::SERVICE_NAME_MAX);
        let other = format!("{}y", &longest[1..]);
        for purpose in [
            Purpose::Serve(1),
            Purpose::Serve(u32::MAX),
            Purpose::Release,
            Purpose::Run("cafe0123".to_owned()),
        ] {
            let long = name(&longest, u32::MAX, purpose.clone());
            assert!(long.len() <= LONGEST, "{long}");
            assert_ne!(long, name(&other, u32::MAX, purpose));
        }
    }

    #[test]
    fn a_secret_s_name_changes_with_its_value_and_the_key() {
        let ours = Installation::new("i").unwrap();
        let shop = ServiceName::new("shop").unwrap();
        let key = |byte| NamingKey::new(Box::new([byte; 32]).into());
        let named = |key, variable, value| secret_name(&key, &ours, &shop, variable, value);
        let name = named(key(1), "PASSWORD", "hunter2");
        assert!(name.len() <= 64 && !name.contains("hunter2"));
        assert_eq!(name, named(key(1), "PASSWORD", "hunter2"));
        assert_ne!(name, named(key(1), "PASSWORD", "hunter3"));
        assert_ne!(name, named(key(1), "PASSWOR", "Dhunter2"));
        // Who has another key cannot confirm a guess.
        assert_ne!(name, named(key(2), "PASSWORD", "hunter2"));
    }
}
