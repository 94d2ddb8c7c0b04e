//! How a registry is reached: as whom, and whose certificates are believed.

use secrecy::SecretString;

use crate::{Error, Result};

/// How to log in to a registry.
#[derive(Debug, Clone)]
pub struct Login {
    /// The user.
    pub username: String,
    /// The password or token.
    pub password: SecretString,
}

/// How a registry is reached.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// As whom; as nobody when it is none.
    pub login: Option<Login>,
    /// Whose certificates are believed, beside those that this machine believes.
    pub authority: Option<Authority>,
}

/// Certificates of a private authority.
#[derive(Debug, Clone)]
pub struct Authority(pub(crate) Vec<reqwest::Certificate>);

impl Authority {
    /// Reads certificates in PEM, one behind the other.
    ///
    /// # Errors
    /// [`Error::Setting`] when there is none, or one cannot be read.
    pub fn from_pem(pem: &[u8]) -> Result<Self> {
        let setting = |why: String| Error::Setting { what: "a certificate authority", why };
        let read = reqwest::Certificate::from_pem_bundle(pem);
        let certificates = read.map_err(|error| setting(crate::error::innermost(&error)))?;
        if certificates.is_empty() {
            let why = "there is no certificate in it; it must have -----BEGIN CERTIFICATE-----";
            return Err(setting(why.to_owned()));
        }
        // Only a client reads what is in them.
        let client = reqwest::Client::builder().tls_certs_merge(certificates.iter().cloned());
        client.build().map_err(|error| setting(crate::error::innermost(&error)))?;
        Ok(Self(certificates))
    }
}
