//! A door to the reader of requests.

use bytes::BytesMut;
use http::{HeaderMap, Request};

use super::head::read;
use super::wire::Left;
use crate::engine::fuzz::MOST_HEAD;

/// The head of a request.
#[derive(Debug)]
pub struct RequestHead {
    /// Method, target and fields.
    pub request: Request<()>,
    /// How long the body is, where that is said.
    pub length: Option<u64>,
    /// The client speaks HTTP/1.0.
    pub is_1_0: bool,
    /// Another request may come.
    pub keep_alive: bool,
    /// The client waits to be asked for the body.
    pub expects_continue: bool,
}

/// Takes a head off the front, as it is read of a connection; none while it is not whole.
///
/// # Errors
/// When it is none.
pub fn request_head(buffer: &mut BytesMut) -> Result<Option<RequestHead>, &'static str> {
    let head = read(buffer, MOST_HEAD, &mut Vec::new(), HeaderMap::new);
    let Some(head) = head.map_err(|refused| refused.why())? else { return Ok(None) };
    Ok(Some(RequestHead {
        request: head.request,
        length: match head.left {
            Left::Nothing => Some(0),
            Left::Length(length) => Some(length),
            Left::Chunks(_) | Left::Bad(_) | Left::Gone => None,
        },
        is_1_0: head.is_1_0,
        keep_alive: head.keep_alive,
        expects_continue: head.expects_continue,
    }))
}
