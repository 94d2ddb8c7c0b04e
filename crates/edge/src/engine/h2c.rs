//! HTTP/2 with containers that speak it, without TLS: `protocol = "h2c"`. Each thread has few connections
//! to a container, which carry many requests at a time; a task of its own drives each of them.

mod call;
mod link;
mod request;

pub(super) use call::{Asking, Call};
pub(super) use link::Link;
