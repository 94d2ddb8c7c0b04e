//! What goes wrong with other servers.

/// Another server did not do what was asked of it; the message says what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It was not reached, or did not answer in time: it may be asked again.
    #[error("{whom} cannot be reached: {why}")]
    Away {
        /// Whom.
        whom: String,
        /// Why not.
        why: String,
    },
    /// It cannot answer now: it may be asked again.
    #[error("{whom} answered {status}: {words}")]
    Unwell {
        /// Who.
        whom: String,
        /// The HTTP status.
        status: u16,
        /// Its words.
        words: String,
    },
    /// It will not do it, however often it is asked.
    #[error("{whom} refused with {status}: {words}; {advice}")]
    Refused {
        /// Who.
        whom: String,
        /// The HTTP status.
        status: u16,
        /// Its words.
        words: String,
        /// What to do.
        advice: &'static str,
    },
    /// Its answer is not what its documentation says.
    #[error("{whom} answered something else than its documentation says: {why}")]
    Strange {
        /// Who.
        whom: String,
        /// What.
        why: String,
    },
}

impl Error {
    /// Whether asking again may help.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Away { .. } | Self::Unwell { .. })
    }
}

/// Why what came in is not believed, or not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is not signed.
    #[error("it is not signed: there is no header {0}")]
    Unsigned(&'static str),
    /// Its signature is another one.
    #[error("its signature was not made with the service's hook_secret")]
    Forged,
    /// Its signature was made long ago, or is from the future.
    #[error(
        "its signature is more than five minutes away from this server's clock; set both clocks right"
    )]
    Stale,
    /// The secret is none that this host uses.
    #[error(
        "the service's hook_secret is empty, or begins with whsec_ and is not in base64 behind that"
    )]
    Secret,
    /// It is not what the host's documentation says.
    #[error("it is not what this host sends: {0}")]
    Malformed(&'static str),
}
