//! HTTP as all of the API speaks it.

pub(crate) mod compress;
pub mod extract;
pub mod idempotency;
pub(crate) mod moment;
pub mod page;
pub mod problem;
pub mod sse;
pub(crate) mod tag;
pub(crate) mod websocket;
