//! Certificates: those that an edge is given, and what it tells of those that it reads from files.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};

/// A certificate that was issued.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Issued {
    /// It, and those that lead to its authority, in PEM.
    pub chain: String,
    /// Its key, in PEM.
    pub key: CertificateKey,
}

/// The key of a certificate. It goes over the wire, and cannot be printed by accident.
#[derive(Debug, Clone, Deserialize)]
pub struct CertificateKey(pub SecretString);

impl Serialize for CertificateKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose_secret())
    }
}

impl PartialEq for CertificateKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }
}

/// A certificate that an edge reads from files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateFile {
    /// Where the certificate is, on the edge's machine.
    pub file: String,
    /// What is shown: what is in the files, or was when it was of use. Nothing when it never was.
    pub shown: Option<InFile>,
    /// Why what is in the files now is of no use, when it is so.
    pub refused: Option<String>,
}

/// What there is to know of a certificate in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InFile {
    /// The names in it.
    pub names: Vec<String>,
    /// Who has issued it.
    pub issuer: String,
    /// From when it counts, in seconds since 1970.
    pub not_before: i64,
    /// Until when.
    pub not_after: i64,
}
