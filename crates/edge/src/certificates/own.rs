//! The certificate that an edge signs itself, for names that it has no other for.

use std::path::Path;

use super::Certificate;
use crate::Error;
use crate::remote::Identity;

/// Where it is kept, so that who has accepted it in a browser need not do so again.
const FILE: &str = "self-signed.pem";

/// Names that nobody else can have a certificate for.
const NAMES: [&str; 2] = ["localhost", "*.localhost"];

/// Reads it from an edge's directory, or makes it. Blocks on the disk.
///
/// # Errors
/// [`Error::Identity`] when the file cannot be read or written, or holds none.
pub(crate) fn own(dir: &Path) -> Result<Certificate, Error> {
    let file = dir.join(FILE);
    let failed = |why: String| Error::Identity { file: file.clone(), why };
    std::fs::create_dir_all(dir).map_err(|error| failed(error.to_string()))?;
    let identity = Identity::open_named(&file, &NAMES)?;
    Certificate::new(identity.chain(), identity.key()).map_err(|why| failed(why.to_string()))
}
