use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use launcher_model::{ServiceName, VersionNumber};
use launcher_store::vault::{PassFor, Vault};
use launcher_store::{Error, Store};
use proptest::prelude::*;
use secrecy::{ExposeSecret, SecretString};

use crate::support::*;

struct Key {
    folder: tempfile::TempDir,
}

impl Key {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("key")
    }

    fn vault(&self) -> Vault {
        Vault::open(&self.file()).unwrap()
    }
}

fn open(vault: &Vault, name: &str, sealed: &[u8]) -> Result<String, Error> {
    vault.open_sealed(&secret(name), sealed).map(|value| value.expose_secret().to_owned())
}

#[test]
fn the_key_is_made_once_and_is_private() {
    let key = Key::new();
    let sealed = key.vault().seal(&secret("a"), &"hunter2".into()).unwrap();
    let metadata = std::fs::metadata(key.file()).unwrap();
    assert_eq!((metadata.len(), metadata.permissions().mode() & 0o777), (32, 0o600));
    assert_eq!(open(&key.vault(), "a", &sealed).unwrap(), "hunter2");
    assert_eq!(std::fs::read_dir(key.folder.path()).unwrap().count(), 1);
}

#[test]
fn no_key_is_made_where_one_is_needed() {
    let key = Key::new();
    let error = Vault::open_existing(&key.file()).unwrap_err().to_string();
    assert!(error.contains("put back the key file") && error.contains("/dev/urandom"), "{error}");
    assert!(!key.file().exists());
    let sealed = key.vault().seal(&secret("a"), &"hunter2".into()).unwrap();
    let vault = Vault::open_existing(&key.file()).unwrap();
    assert_eq!(open(&vault, "a", &sealed).unwrap(), "hunter2");
}

#[test]
fn many_that_start_at_once_agree_on_one_key() {
    let key = Arc::new(Key::new());
    let threads: Vec<_> = (0..16)
        .map(|_| {
            let key = key.clone();
            std::thread::spawn(move || key.vault().seal(&secret("a"), &"hunter2".into()).unwrap())
        })
        .collect();
    for thread in threads {
        assert_eq!(open(&key.vault(), "a", &thread.join().unwrap()).unwrap(), "hunter2");
    }
}

#[test]
fn a_key_that_others_may_read_is_refused() {
    let key = Key::new();
    key.vault();
    for mode in [0o640, 0o604, 0o660] {
        std::fs::set_permissions(key.file(), PermissionsExt::from_mode(mode)).unwrap();
        let error = Vault::open(&key.file()).unwrap_err().to_string();
        assert!(error.contains(&format!("chmod 600 {}", key.file().display())), "{error}");
    }
    std::fs::set_permissions(key.file(), PermissionsExt::from_mode(0o400)).unwrap();
    key.vault();
}

#[test]
fn a_file_that_is_no_key_is_refused_and_kept() {
    for content in [&b""[..], &[7; 31], &[7; 33]] {
        let key = Key::new();
        std::fs::write(key.file(), content).unwrap();
        std::fs::set_permissions(key.file(), PermissionsExt::from_mode(0o600)).unwrap();
        let error = Vault::open(&key.file()).unwrap_err().to_string();
        assert!(error.contains("is not a key of 32 bytes"), "{error}");
        assert_eq!(std::fs::read(key.file()).unwrap(), content);
    }
    let error = Vault::open(&Key::new().folder.path().join("no/key")).unwrap_err();
    assert!(matches!(error, Error::Vault(_)), "{error}");
}

#[test]
fn a_sealed_value_belongs_to_its_secret_and_its_key() {
    let (key, other) = (Key::new(), Key::new());
    let sealed = key.vault().seal(&secret("a"), &"hunter2".into()).unwrap();
    for (vault, name) in [(key.vault(), "b"), (other.vault(), "a")] {
        let error = open(&vault, name, &sealed).unwrap_err().to_string();
        assert!(error.contains(&format!("`launcher secret set {name}`")), "{error}");
        assert!(!error.contains("hunter2"));
    }
}

#[test]
fn every_changed_bit_is_noticed() {
    let key = Key::new();
    let vault = key.vault();
    let sealed = vault.seal(&secret("a"), &"hunter2".into()).unwrap();
    for bit in 0..sealed.len() * 8 {
        let mut changed = sealed.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(open(&vault, "a", &changed).is_err(), "bit {bit}");
    }
    for length in 0..sealed.len() {
        assert!(open(&vault, "a", &sealed[..length]).is_err(), "{length} bytes");
    }
}

#[test]
fn nothing_of_it_is_shown() {
    let key = Key::new();
    let shown = format!("{:?}", key.vault());
    assert!(shown.contains("REDACTED"), "{shown}");
    let vault = key.vault();
    let value = SecretString::from("hunter2");
    let (one, other) =
        (vault.seal(&secret("a"), &value).unwrap(), vault.seal(&secret("a"), &value).unwrap());
    assert_ne!(one, other);
    assert!(!one.windows(7).any(|window| window == b"hunter2"));
}

#[tokio::test]
async fn a_value_goes_through_the_store() {
    let (key, store) = (Key::new(), Temporary::open().await);
    let store: &dyn Store = &*store;
    let name = secret("shop/database-url");
    let sealed = key.vault().seal(&name, &"postgres://hunter2@db".into()).unwrap();
    let version = store.set_secret(&name, &sealed, "alice", at(0)).await.unwrap();
    let kept = store.sealed_secret(&version).await.unwrap().unwrap();
    assert_eq!(open(&key.vault(), name.as_str(), &kept).unwrap(), "postgres://hunter2@db");
}

proptest! {
    #[test]
    fn what_is_sealed_opens(value in ".*", other in "[a-z]{1,9}") {
        let key = Key::new();
        let vault = key.vault();
        let sealed = vault.seal(&secret("a"), &value.as_str().into()).unwrap();
        prop_assert_eq!(open(&vault, "a", &sealed).unwrap(), value);
        prop_assert_eq!(open(&vault, &other, &sealed).is_ok(), other == "a");
    }
}

#[test]
fn a_fingerprint_tells_requests_apart_and_needs_the_key() {
    let (one, other) = (Key::new(), Key::new());
    let (vault, stranger) = (one.vault(), other.vault());
    let parts = |a: &'static str, b: &'static str| [a.as_bytes(), b.as_bytes()];
    assert_eq!(vault.fingerprint(parts("PUT", "1")), vault.fingerprint(parts("PUT", "1")));
    assert_ne!(vault.fingerprint(parts("PUT", "1")), vault.fingerprint(parts("PU", "T1")));
    assert_ne!(vault.fingerprint(parts("PUT", "1")), stranger.fingerprint(parts("PUT", "1")));
}

#[test]
fn a_pass_is_for_one_version_of_one_service_and_one_purpose() {
    let (key, other) = (Key::new(), Key::new());
    let vault = key.vault();
    let pass = |vault: &Vault, what_for, service: &str, version| {
        vault.pass(what_for, &ServiceName::new(service).unwrap(), VersionNumber(version))
    };
    let staying = pass(&vault, PassFor::Staying, "shop", 2);
    assert_eq!(pass(&key.vault(), PassFor::Staying, "shop", 2), staying, "it stays the same");
    let mac = staying.strip_prefix("v2.").unwrap();
    assert!(
        mac.len() == 22 && mac.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    );
    for another in [
        pass(&vault, PassFor::Trying, "shop", 2),
        pass(&vault, PassFor::Staying, "cart", 2),
        pass(&vault, PassFor::Staying, "shop", 3),
        pass(&other.vault(), PassFor::Staying, "shop", 2),
    ] {
        assert_ne!(another.split_once('.').unwrap().1, mac);
    }
}
