//! What is spoken with clients, and the certificate for it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// What is spoken with clients. To the upstream it is HTTP/1.1 without TLS each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    /// HTTP/1.1.
    Plain,
    /// HTTP/1.1 over TLS.
    Tls,
    /// HTTP/2 over TLS.
    Http2,
}

/// The files of a certificate that everybody who is measured shows.
pub(crate) struct Certificate {
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
    /// Both, in one file.
    pub(crate) both: PathBuf,
}

impl Certificate {
    /// Makes one on the curve P-256 for these names.
    ///
    /// # Errors
    /// When it cannot be made or written.
    pub(crate) fn make(directory: &Path, names: &[String]) -> Result<Self> {
        let made = rcgen::generate_simple_self_signed(names.to_vec());
        let made = made.context("cannot make a certificate")?;
        let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let at = |name: &str| directory.join(name);
        let files =
            Self { chain: at("chain.pem"), key: at("key.pem"), both: at("chain-and-key.pem") };
        let write = |path: &Path, text: &str| {
            std::fs::write(path, text)
                .with_context(|| format!("cannot write the certificate to {}", path.display()))
        };
        write(&files.chain, &chain)?;
        write(&files.key, &key)?;
        write(&files.both, &format!("{chain}{key}"))?;
        Ok(files)
    }
}
