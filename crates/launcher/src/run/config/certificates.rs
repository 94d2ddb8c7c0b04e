//! `[[certificates]]`: files that the edge shows to those who come by HTTPS.

use std::path::{Path, PathBuf};

use anyhow::Result;
use launcher_edge::CertificateFiles;
use serde::Deserialize;

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

/// Those that a configuration file names. All of the file must make sense, though an edge needs no more of it.
pub(crate) fn certificates(file: &Path) -> Result<Vec<CertificateFiles>> {
    let (file, _, _) = super::read_file(Some(file))?;
    Ok(file.certificates.into_iter().map(CertificateFiles::from).collect())
}
