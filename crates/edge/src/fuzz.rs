//! Doors through which `crates/fuzz` comes to what reads the bytes of strangers.

pub use crate::compiled::fuzz::{chosen_coding, cookies, credentials, host};
pub use crate::engine::fuzz::{
    BodyChunks, EventStream, RequestHead, ResponseHead, WebSocket, request_head, response_head,
};
pub use crate::nginx::fuzz::{NginxCounts, nginx_log};
