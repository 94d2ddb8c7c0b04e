//! What edges read: of clients, of containers, and of the control plane.

mod asked;
mod chunks;
mod events;
mod head;
mod messages;
mod nginx;
mod request;
mod websocket;

pub(crate) use asked::request_head;
pub(crate) use chunks::body_chunks;
pub(crate) use events::event_stream;
pub(crate) use head::response_head;
pub(crate) use messages::messages;
pub(crate) use nginx::nginx_log;
pub(crate) use request::{codings, cookies, credentials, host};
pub(crate) use websocket::websocket;
