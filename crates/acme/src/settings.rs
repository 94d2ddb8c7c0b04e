//! Which authority is asked, and how.

use std::time::Duration;

/// The directory of Let's Encrypt.
pub const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// How long an authority may take for one answer, where nobody says otherwise.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// An authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where its directory is (RFC 8555 §7.1.1).
    pub directory: String,
    /// Whom it writes to when something is wrong.
    pub email: Option<String>,
    /// Certificates, in PEM, that its own is believed by beside those of this machine.
    pub authority: Option<Vec<u8>>,
    /// How long it may take for one answer.
    pub within: Duration,
}
