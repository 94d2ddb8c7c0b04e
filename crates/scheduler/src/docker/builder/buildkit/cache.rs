//! Keeping BuildKit's cache within bounds.
//!
//! BuildKit keeps the files of each build beside its layers, and engines before 23 collect nothing by
//! themselves: every push would cost the size of the source for ever.

use bollard::errors::Error as EngineError;
use hyper::{Method, Request, header};

use super::super::super::connection::{Call, Connection};
use super::super::wire;

/// Has the engine remove what was not used for longest, until its cache is no larger than so many bytes.
pub(super) async fn trim(
    connection: &Connection,
    call: &Call,
    bytes: u64,
) -> Result<(), EngineError> {
    let version = call.api.client_version();
    // Engines since API 1.48 know it by the second name.
    let path = format!(
        "/v{}.{}/build/prune?all=1&keep-storage={bytes}&reserved-space={bytes}",
        version.major_version, version.minor_version
    );
    let request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(header::HOST, "docker")
        .body(wire::nothing())?;
    let answer = wire::send(connection, request).await?;
    if answer.response.status().is_success() { Ok(()) } else { Err(wire::refusal(answer).await) }
}
