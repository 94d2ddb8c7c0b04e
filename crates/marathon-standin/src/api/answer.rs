//! Answers that several calls have in common.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use crate::refusal::Refusal;
use crate::version::Version;
use crate::world::Started;

/// A call's answer, or why it is refused.
pub(super) type Outcome = Result<Response, Refusal>;

/// What a call that starts a deployment answers.
pub(super) fn started(status: StatusCode, started: &Started, version: Version) -> Response {
    let body = json!({ "version": started.version, "deploymentId": started.deployment });
    with_deployment((status, Json(body)).into_response(), started, version)
}

/// Adds the deployment's id to the header of an answer, from 1.4 on.
pub(super) fn with_deployment(
    mut response: Response,
    started: &Started,
    version: Version,
) -> Response {
    if version.has_instances()
        && let Ok(id) = started.deployment.parse()
    {
        response.headers_mut().insert("marathon-deployment-id", id);
    }
    response
}

/// A page as Jetty writes it.
pub(super) fn page(status: StatusCode, text: &str) -> Response {
    let code = status.as_u16();
    let html = format!(
        "<html>\n<head>\n<meta http-equiv=\"Content-Type\" content=\"text/html;charset=utf-8\"/>\n\
         <title>Error {code} {text}</title>\n</head>\n<body><h2>HTTP ERROR {code}</h2>\n\
         <p>Problem accessing this page. Reason:\n<pre>    {text}</pre></p>\n</body>\n</html>\n"
    );
    let kind = [("content-type", "text/html;charset=iso-8859-1")];
    (status, kind, html).into_response()
}

/// Where a method is none of a resource's.
pub(super) fn not_allowed() -> Response {
    page(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed")
}
