//! Doors through which `crates/fuzz` comes to what reads the bytes of strangers.

pub use crate::graphs::fuzz::{drawn_again, signed_part};
pub use crate::pages::fuzz::{comes_from_elsewhere, cookie};
