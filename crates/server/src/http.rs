//! HTTP as all of the API speaks it.

pub mod extract;
pub mod idempotency;
pub mod page;
pub mod problem;
pub mod sse;
