//! Seals the values of secrets, so that the database and its backups do not tell them.
//!
//! A sealed value is one byte that names the format (1), a nonce of 24 random bytes, and the value
//! encrypted with XChaCha20-Poly1305, which also authenticates the secret's name: a value that is moved
//! to another secret cannot be opened.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, Generate, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use launcher_model::secret::{SecretName, SecretVersion};
use launcher_model::{ServiceName, VersionNumber};
use secrecy::zeroize::{Zeroize, Zeroizing};
use secrecy::{ExposeSecret, SecretBox, SecretString};
use sha2::Sha256;

use crate::{Error, Result};

const FORMAT: u8 = 1;
const NONCE_BYTES: usize = 24;
const KEY_BYTES: usize = 32;

/// A block of SHA-256.
const BLOCK_BYTES: usize = 64;

/// Begins what is hashed, so that no other use of the key gives the same.
const FINGERPRINT: &[u8] = b"rocket-launcher request fingerprint 1";
const STICKY: &[u8] = b"rocket-launcher sticky cookie 1";
const TRIAL: &[u8] = b"rocket-launcher trial 1";
/// Of addresses that need no token.
const ADDRESS: &[u8] = b"rocket-launcher address 1";
const NAMING: &[u8] = b"rocket-launcher names of secrets in engines 1";
const LOGIN: &[u8] = b"rocket-launcher preview login salt 1";

/// As much of a hash as a pass has, in bytes: nobody guesses that many.
const PASS_BYTES: usize = 16;

/// What a [pass](Vault::pass) is for. One that was made for one purpose is worth nothing for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PassFor {
    /// Keeps a user on a live version.
    Staying,
    /// Lets a request try a version that need not be live.
    Trying,
}

/// Seals and opens values with the key of one file.
#[derive(Debug)]
pub struct Vault {
    key: SecretBox<[u8; KEY_BYTES]>,
    file: PathBuf,
}

impl Vault {
    /// Reads the key in this file, or makes one: 32 random bytes that only the owner may read. The
    /// file's folder must exist. Blocks on the disk.
    ///
    /// # Errors
    /// [`Error::Vault`] when others may read the file, when it is no key, or when the disk fails.
    pub fn open(key_file: &Path) -> Result<Self> {
        if !key_file.exists() {
            make_key(key_file).map_err(|error| failed(key_file, &error))?;
        }
        Self::open_existing(key_file)
    }

    /// Reads the key in this file, where values are kept that are sealed with it: a new key would open
    /// none of them. Blocks on the disk.
    ///
    /// # Errors
    /// [`Error::Vault`] as for [`open`](Self::open), and when there is no file.
    pub fn open_existing(key_file: &Path) -> Result<Self> {
        let file = File::open(key_file).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => missing(key_file),
            _ => failed(key_file, &error),
        })?;
        let key = read_key(file, key_file)?;
        Ok(Self { key, file: key_file.to_owned() })
    }

    /// Seals a value of this secret. Sealing one value twice gives different bytes.
    ///
    /// # Errors
    /// [`Error::Vault`] when the operating system gives no random bytes.
    pub fn seal(&self, name: &SecretName, value: &SecretString) -> Result<Vec<u8>> {
        let fault = || Error::Vault(format!("the value of the secret {name} could not be sealed"));
        let nonce = XNonce::try_generate().map_err(|_| fault())?;
        let payload =
            Payload { msg: value.expose_secret().as_bytes(), aad: name.as_str().as_bytes() };
        let encrypted = self.cipher().encrypt(&nonce, payload).map_err(|_| fault())?;
        let mut sealed = Vec::with_capacity(1 + NONCE_BYTES + encrypted.len());
        sealed.push(FORMAT);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&encrypted);
        Ok(sealed)
    }

    /// Opens a sealed value of this secret.
    ///
    /// # Errors
    /// [`Error::Vault`] when it was sealed with another key or for another secret, or was damaged.
    pub fn open_sealed(&self, name: &SecretName, sealed: &[u8]) -> Result<SecretString> {
        let Some((&FORMAT, rest)) = sealed.split_first() else {
            return Err(Error::Vault(format!(
                "the secret {name} was sealed by a newer version of this program; install that one again"
            )));
        };
        let (nonce, encrypted) =
            rest.split_first_chunk::<NONCE_BYTES>().ok_or_else(|| self.misfit(name))?;
        let payload = Payload { msg: encrypted, aad: name.as_str().as_bytes() };
        let opened =
            self.cipher().decrypt(&XNonce::from(*nonce), payload).map_err(|_| self.misfit(name))?;
        let text = String::from_utf8(opened).map_err(|error| {
            error.into_bytes().zeroize();
            self.misfit(name)
        })?;
        Ok(text.into())
    }

    /// What tells whether two requests are the same without telling anything of them: a keyed hash
    /// (HMAC-SHA-256) of their parts, so that nobody can try values of secrets on it.
    #[must_use]
    pub fn fingerprint<'a>(&self, parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
        self.mac(FINGERPRINT, parts)
    }

    /// The text by which a request names a version, `vN.` and a keyed hash (HMAC-SHA-256) in base64url
    /// (RFC 4648 §5): nobody can make one for another version, service or purpose. It is the same as long
    /// as the key is, and consists of characters that cookies, headers and queries take as they are.
    #[must_use]
    pub fn pass(&self, what_for: PassFor, service: &ServiceName, version: VersionNumber) -> String {
        let purpose = match what_for {
            PassFor::Staying => STICKY,
            PassFor::Trying => TRIAL,
        };
        let mac = self.mac(purpose, [service.as_str().as_bytes(), &version.0.to_le_bytes()]);
        format!("{version}.{}", BASE64_URL_SAFE_NO_PAD.encode(&mac[..PASS_BYTES]))
    }

    /// What shows that an address was made here (HMAC-SHA-256, in base64url of RFC 4648 §5): whoever has it
    /// can make none for another address.
    #[must_use]
    pub fn sign_address(&self, address: &str) -> String {
        let mac = self.mac(ADDRESS, [address.as_bytes()]);
        BASE64_URL_SAFE_NO_PAD.encode(&mac[..PASS_BYTES])
    }

    /// The salt with which the password of a user is hashed that this value of a secret names. It is the
    /// same as long as the key and the value's number are, and nobody can make a list of hashes for it
    /// beforehand.
    #[must_use]
    pub fn login_salt(&self, value: &SecretVersion, user: &str) -> [u8; 12] {
        let name = value.name.as_str().as_bytes();
        let mac = self.mac(LOGIN, [name, &value.number.to_le_bytes(), user.as_bytes()]);
        std::array::from_fn(|n| mac[n])
    }

    /// A key of its own for naming secrets where others may list the names. It is the same as long as the
    /// vault's is, which cannot be told from it.
    #[must_use]
    pub fn naming_key(&self) -> SecretBox<[u8; KEY_BYTES]> {
        SecretBox::init_with(|| self.mac(NAMING, []))
    }

    fn mac<'a>(&self, purpose: &[u8], parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
        // HMAC fills a key that is shorter than a block with zeros (RFC 2104, section 2).
        let mut block = Zeroizing::new([0; BLOCK_BYTES]);
        block[..KEY_BYTES].copy_from_slice(self.key.expose_secret());
        let mut hash = <Hmac<Sha256> as KeyInit>::new((&*block).into());
        hash.update(purpose);
        for part in parts {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        hash.finalize().into_bytes().into()
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&Key::from(*self.key.expose_secret()))
    }

    fn misfit(&self, name: &SecretName) -> Error {
        Error::Vault(format!(
            "the value of the secret {name} does not open with the key in {}: put back the key file \
             that belongs to this database, or set the secret anew with `launcher secret set {name}`",
            self.file.display()
        ))
    }
}

fn failed(key_file: &Path, error: &io::Error) -> Error {
    Error::Vault(format!("the key of the secrets, {}, cannot be used: {error}", key_file.display()))
}

fn missing(key_file: &Path) -> Error {
    let path = key_file.display();
    Error::Vault(format!(
        "the key of the secrets, {path}, is missing, and this database holds secrets that were sealed with \
         it: put back the key file that belongs to this database. When it is lost, so are they: make a new \
         one with `(umask 077; head -c {KEY_BYTES} /dev/urandom >{path})`, set each secret anew with \
         `launcher secret set`, and launch the services that use them again"
    ))
}

fn read_key(file: File, key_file: &Path) -> Result<SecretBox<[u8; KEY_BYTES]>> {
    let failed = |error: io::Error| failed(key_file, &error);
    let metadata = file.metadata().map_err(failed)?;
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(Error::Vault(format!(
            "the key of the secrets can be read by others: run `chmod 600 {}`",
            key_file.display()
        )));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(KEY_BYTES + 1));
    file.take(KEY_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    let key: &[u8; KEY_BYTES] = bytes.as_slice().try_into().map_err(|_| {
        Error::Vault(format!(
            "{} is not a key of {KEY_BYTES} bytes: put back the key file that belongs to this database",
            key_file.display()
        ))
    })?;
    Ok(SecretBox::init_with_mut(|kept: &mut [u8; KEY_BYTES]| kept.copy_from_slice(key)))
}

/// The file appears whole under its name, or not at all; one that another process made meanwhile stays.
fn make_key(key_file: &Path) -> io::Result<()> {
    let folder = match key_file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    let mut key = Key::try_generate().map_err(io::Error::other)?;
    let written = file.write_all(&key);
    key.zeroize();
    written?;
    file.as_file().set_permissions(fs::Permissions::from_mode(0o600))?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(key_file) {
        Ok(_) => File::open(folder)?.sync_all(),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error.error),
    }
}
