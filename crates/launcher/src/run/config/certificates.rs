//! How edges serve HTTPS: `[[certificates]]`, files that are shown to those who come by it, and `[tls]`.

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};

use anyhow::Result;
use launcher_edge::{CertificateFiles, Https};
use serde::Deserialize;

/// `[tls]`: how clients reach HTTPS.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tls {
    public_port: Option<NonZeroU16>,
}

/// One certificate, and its key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pair {
    certificate: PathBuf,
    key: PathBuf,
}

impl From<Pair> for CertificateFiles {
    fn from(Pair { certificate, key }: Pair) -> Self {
        Self { certificate, key }
    }
}

/// How an edge serves HTTPS at these addresses. All of the file must make sense, though an edge needs no more of it.
pub(crate) fn https(addresses: Vec<SocketAddr>, file: Option<&Path>) -> Result<Https> {
    let Some(file) = file else { return Ok(Https { addresses, ..Https::default() }) };
    let (file, _, _) = super::read_file(Some(file))?;
    let certificates = file.certificates.into_iter().map(CertificateFiles::from).collect();
    let public_port = file.tls.public_port.map(NonZeroU16::get);
    Ok(Https { addresses, certificates, public_port })
}
