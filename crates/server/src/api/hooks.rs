//! What other systems tell.

pub(super) mod registry;
