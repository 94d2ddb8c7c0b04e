//! What the control plane gives an edge for HTTPS: kept on disk, so that a start without the server shows
//! the same.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError};

use secrecy::ExposeSecret;

use super::{Certificate, Certificates};
use crate::protocol::Issued;
use crate::remote::write_private;

/// The file in an edge's directory. For its owner alone: there are keys in it.
const FILE: &str = "certificates.json";

/// What is answered to an authority that asks whether names lead here (RFC 8555 §8.3), by its tokens.
pub(crate) type Challenges = HashMap<String, Arc<str>>;

impl Certificates {
    /// Shows what the control plane has had issued, in the place of those before. What is of no use is told.
    /// False when there is nothing new.
    pub(crate) fn take(&self, issued: &[Issued]) -> bool {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if *taken == issued {
            return false;
        }
        issued.clone_into(&mut taken);
        let usable = issued.iter().filter_map(|one| {
            let (chain, key) = (one.chain.as_bytes(), one.key.0.expose_secret().as_bytes());
            Certificate::from_pem(chain, key)
                .inspect_err(
                    |why| tracing::error!(%why, "a certificate of the control plane is refused"),
                )
                .ok()
        });
        self.issued(usable.collect());
        true
    }

    /// Shows what was kept. Blocks on the disk.
    pub(crate) fn take_kept(&self, dir: &Path) {
        let path = dir.join(FILE);
        let kept =
            fs::read(&path).and_then(|text| Ok(serde_json::from_slice::<Vec<Issued>>(&text)?));
        match kept {
            Ok(kept) => drop(self.take(&kept)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                tracing::error!(path = %path.display(), %error, "kept certificates cannot be read; the control plane sends them anew");
            }
        }
    }
}

/// Keeps what the control plane has had issued. Blocks on the disk.
pub(crate) fn keep(dir: &Path, issued: &[Issued]) -> io::Result<()> {
    write_private(&dir.join(FILE), &serde_json::to_vec(issued)?)
}

/// Forgets it.
pub(crate) fn forget(dir: &Path) -> io::Result<()> {
    match fs::remove_file(dir.join(FILE)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
