//! The key pair that one side is known by.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};

use crate::Error;

/// What a peer is recognized by: the SHA-256 of its certificate.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    pub(crate) fn of(certificate: &CertificateDer<'_>) -> Self {
        Self(Sha256::digest(certificate).into())
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A key pair and the certificate that it signed for itself.
pub struct Identity {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Identity").field(&self.fingerprint()).finish()
    }
}

impl Identity {
    /// Reads the identity in this file, or makes one, which only the file's owner may read. The file's
    /// folder must exist. Blocks on the disk.
    ///
    /// # Errors
    /// [`Error::Identity`] when the file cannot be read or written, or holds no identity.
    pub fn open(file: &Path) -> Result<Self, Error> {
        Self::open_named(file, &[NAME])
    }

    /// The same, with these names in it.
    pub(crate) fn open_named(file: &Path, names: &[&str]) -> Result<Self, Error> {
        let failed = |why: String| Error::Identity { file: file.to_owned(), why };
        let text = match fs::read(file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let text = make(names).map_err(|error| failed(error.to_string()))?;
                write_private(file, &text).map_err(|error| failed(error.to_string()))?;
                text
            }
            Err(error) => return Err(failed(error.to_string())),
        };
        let part = |error: rustls::pki_types::pem::Error| failed(error.to_string());
        Ok(Self {
            certificate: CertificateDer::from_pem_slice(&text).map_err(part)?,
            key: PrivateKeyDer::from_pem_slice(&text).map_err(part)?,
        })
    }

    /// What others recognize it by.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.certificate)
    }

    pub(crate) fn chain(&self) -> Vec<CertificateDer<'static>> {
        vec![self.certificate.clone()]
    }

    pub(crate) fn key(&self) -> PrivateKeyDer<'static> {
        self.key.clone_key()
    }
}

fn make(names: &[&str]) -> Result<Vec<u8>, rcgen::Error> {
    let key = rcgen::KeyPair::generate()?;
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = rcgen::CertificateParams::new(names)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, "Rocket Launcher");
    let certificate = params.self_signed(&key)?;
    Ok(format!("{}{}", certificate.pem(), key.serialize_pem()).into_bytes())
}

/// The name in every certificate; it says nothing.
pub(super) const NAME: &str = "rocket-launcher";

/// The file appears whole under its name, or not at all.
pub(crate) fn write_private(file: &Path, text: &[u8]) -> io::Result<()> {
    let beside = file.with_extension("new");
    let mut options = fs::OpenOptions::new();
    let mut opened = options.create(true).write(true).truncate(true).mode(0o600).open(&beside)?;
    opened.write_all(text)?;
    opened.sync_all()?;
    fs::rename(&beside, file)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn an_identity_is_made_once_and_is_private() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("identity.pem");
        let made = Identity::open(&file).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(Identity::open(&file).unwrap().fingerprint(), made.fingerprint());
        assert_ne!(
            Identity::open(&dir.path().join("other.pem")).unwrap().fingerprint(),
            made.fingerprint()
        );
        let text = made.fingerprint().to_string();
        assert_eq!(Fingerprint::parse(&text), Some(made.fingerprint()));
        assert_eq!(format!("{made:?}"), format!("Identity({text})"));
    }

    #[test]
    fn a_file_that_holds_none_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("identity.pem");
        fs::write(&file, "nothing").unwrap();
        let error = Identity::open(&file).unwrap_err().to_string();
        assert!(error.contains("identity.pem"), "{error}");
    }
}
