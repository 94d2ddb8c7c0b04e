//! Edges on other machines: who is who, and the encrypted connection between them.
//!
//! As with SSH, each side is known by its key. The server and every edge make a key pair of their own
//! and a certificate for it that they sign themselves; a peer is recognized by the certificate's
//! [`Fingerprint`], and nothing else of it counts: no name, no date, no authority. A [`JoinToken`]
//! carries the server's fingerprint to a new edge, so that not even the first connection trusts a
//! stranger, and lets the edge in once; from then on the server knows the edge's own fingerprint.

mod identity;
mod membership;
mod tls;
mod token;

pub(crate) use identity::write_private;
pub use identity::{Fingerprint, Identity};
pub use membership::{Membership, join};
pub use tls::{Acceptor, TlsStream};
pub use token::{JoinToken, NoJoinToken};
