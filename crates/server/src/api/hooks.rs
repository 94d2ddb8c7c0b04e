//! What other systems tell.

pub(super) mod code_hosts;
pub(super) mod registry;
