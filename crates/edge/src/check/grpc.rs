//! The health check that gRPC's servers have (github.com/grpc/grpc-proto, grpc/health/v1/health.proto),
//! asked for the whole server. Its messages are so small that they are read and written by hand.

use std::net::SocketAddr;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, TE, USER_AGENT};
use http::{HeaderMap, Request, StatusCode};

use super::AGENT;
use super::h2c::{self, Answer};

/// What is asked.
pub(super) const METHOD: &str = "grpc.health.v1.Health/Check";

/// A request that names no service, in a message that is not compressed and has no bytes.
const REQUEST: &[u8] = &[0; 5];

/// The status of a call that was answered, and of one that the server does not know
/// (github.com/grpc/grpc, doc/statuscodes.md).
const OK: &str = "0";
const UNIMPLEMENTED: &str = "12";

/// The container serves.
const SERVING: u64 = 1;

/// Asks a container whether it serves.
pub(super) async fn check(address: SocketAddr) -> Result<(), String> {
    let what = format!("{METHOD} at {address}");
    let request = Request::post(format!("http://{address}/{METHOD}"))
        .header(USER_AGENT, AGENT)
        .header(CONTENT_TYPE, "application/grpc")
        .header(TE, "trailers")
        .body(())
        .map_err(|error| format!("{what} cannot be asked: {error}"))?;
    let answer = h2c::ask(address, &what, request, Bytes::from_static(REQUEST)).await?;
    judge(&answer).map_err(|why| format!("{METHOD} answered {why}"))
}

fn judge(answer: &Answer) -> Result<(), String> {
    let status = answer.head.status();
    if status != StatusCode::OK {
        return Err(format!("{}, which is not gRPC", status.as_u16()));
    }
    // A server that sends no message says in the head how it went.
    let told =
        |name: &str| text(&answer.trailers, name).or_else(|| text(answer.head.headers(), name));
    match told("grpc-status") {
        Some(OK) => {}
        Some(UNIMPLEMENTED) => {
            return Err("that it is not known; the container has no health service".to_owned());
        }
        Some(other) => {
            let why = told("grpc-message").unwrap_or_default();
            return Err(format!("with status {other} {why}").trim_end().to_owned());
        }
        None => return Err("without a grpc-status".to_owned()),
    }
    match serving_status(&answer.body) {
        Some(SERVING) => Ok(()),
        Some(0) => Err("UNKNOWN".to_owned()),
        Some(2) => Err("NOT_SERVING".to_owned()),
        Some(3) => Err("SERVICE_UNKNOWN".to_owned()),
        Some(other) => Err(format!("with a serving status {other}")),
        None => Err("with something that is no answer".to_owned()),
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// The one field of the answer: `ServingStatus status = 1`. Not sent, it is 0.
fn serving_status(body: &[u8]) -> Option<u64> {
    let (&[0, a, b, c, d], message) = body.split_first_chunk::<5>()? else { return None };
    let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()?;
    match message.get(..length)? {
        [] => Some(0),
        // The key of field 1, a varint; the status has one byte.
        [0x08, status @ 0..=0x7f] => Some(u64::from(*status)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderValue, Response};

    fn judged(
        body: &[u8],
        trailers: &[(&'static str, &'static str)],
        head: Response<()>,
    ) -> Result<(), String> {
        let mut all = HeaderMap::new();
        for (name, value) in trailers {
            all.insert(*name, HeaderValue::from_static(value));
        }
        judge(&Answer { head, body: body.to_vec(), trailers: all })
    }

    #[test]
    fn a_server_says_whether_it_serves() {
        let ok: &[_] = &[("grpc-status", "0")];
        for (body, trailers, why) in [
            (&[0, 0, 0, 0, 2, 8, 1][..], ok, None),
            (&[0, 0, 0, 0, 2, 8, 2], ok, Some("NOT_SERVING")),
            (&[0, 0, 0, 0, 2, 8, 3], ok, Some("SERVICE_UNKNOWN")),
            (&[0, 0, 0, 0, 0], ok, Some("UNKNOWN")),
            (&[0, 0, 0, 0, 9, 8, 1], ok, Some("with something that is no answer")),
            (&[1, 0, 0, 0, 2, 8, 1], ok, Some("with something that is no answer")),
            (&[], ok, Some("with something that is no answer")),
            (&[0, 0, 0, 0, 2, 8, 1], &[], Some("without a grpc-status")),
            (&[], &[("grpc-status", "14"), ("grpc-message", "busy")], Some("with status 14 busy")),
            (
                &[],
                &[("grpc-status", "12")],
                Some("that it is not known; the container has no health service"),
            ),
        ] {
            let judged = judged(body, trailers, Response::new(()));
            assert_eq!(judged.err().as_deref(), why, "{body:?} {trailers:?}");
        }
        let mut other = Response::new(());
        *other.status_mut() = StatusCode::NOT_FOUND;
        assert_eq!(judged(&[], ok, other).unwrap_err(), "404, which is not gRPC");
        let trailers_only = Response::builder().header("grpc-status", "12").body(()).unwrap();
        assert!(judged(&[], &[], trailers_only).unwrap_err().contains("health service"));
    }
}
