//! Errors as problem details (RFC 9457).

use std::any::Any;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use launcher_model::DeploymentId;
use serde::Serialize;
use utoipa::ToSchema;

/// What stood in the way of a call: `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// Names the kind of problem, for programs.
    #[serde(rename = "type")]
    #[schema(example = "urn:launcher:problem:refused")]
    kind: String,
    /// Names it for people.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What, why, and what to do.
    detail: String,
    /// The deployment that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    deployment: Option<DeploymentId>,
}

impl Problem {
    fn new(status: StatusCode, kind: &str, title: &'static str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:launcher:problem:{kind}"),
            title,
            status: status.as_u16(),
            detail: detail.into(),
            deployment: None,
        }
    }

    /// The body cannot be understood.
    pub fn malformed(status: StatusCode, detail: impl Into<String>) -> Self {
        Self::new(status, "malformed", "The request cannot be understood", detail)
    }

    /// The request is understood, and makes no sense.
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", "The request makes no sense", detail)
    }

    /// There is no such thing.
    pub fn missing(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "There is no such thing", detail)
    }

    /// The state of things does not allow it.
    pub fn refused(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "refused", "This is not possible now", detail)
    }

    /// No token, or none that is valid.
    pub fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", "A token is needed", detail)
    }

    /// Who calls is known, and may not do this.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "This is not allowed", detail)
    }

    /// What comes without a token is not signed by who may send it.
    pub fn signature(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "signature", "The signature does not fit", detail)
    }

    /// It cannot be done now, and may be sent again.
    pub fn later(detail: impl Into<String>) -> Self {
        let title = "This cannot be done now";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "later", title, detail)
    }

    /// The same call is under way, or its key was used for another one.
    pub fn idempotency(status: StatusCode, detail: impl Into<String>) -> Self {
        Self::new(status, "idempotency", "The Idempotency-Key cannot be used", detail)
    }

    /// Another system that is asked for this does not answer as it should.
    pub fn upstream(detail: impl Into<String>) -> Self {
        let title = "Another system does not answer";
        Self::new(StatusCode::BAD_GATEWAY, "upstream", title, detail)
    }

    /// The server cannot do what it should be able to.
    pub fn fault(detail: impl Into<String>) -> Self {
        Self::internal(detail)
    }

    fn internal(detail: impl Into<String>) -> Self {
        let title = "A fault of the server";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", title, detail)
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Names the kind of problem for people.
    #[must_use]
    pub fn title(&self) -> &'static str {
        self.title
    }

    /// What, why, and what to do.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        if self.status >= 500 {
            tracing::error!(status = self.status, detail = %self.detail, "a call failed");
        }
        let mut response = (self.status(), axum::Json(&self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status() == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<launcher_control::Error> for Problem {
    fn from(error: launcher_control::Error) -> Self {
        use launcher_control::Error;
        let detail = error.to_string();
        match error {
            Error::NoService(_) | Error::NoVersion(..) | Error::NoHost(_) => Self::missing(detail),
            Error::Invalid(_) => Self::invalid(detail),
            Error::Refused(_) => Self::refused(detail),
            Error::Changed(_) => {
                let title = "It was changed meanwhile";
                Self::new(StatusCode::PRECONDITION_FAILED, "changed", title, detail)
            }
            Error::Frozen { .. } => {
                Self::new(StatusCode::CONFLICT, "frozen", "Nothing is deployed now", detail)
            }
            Error::Busy(id) => Self {
                deployment: Some(id),
                ..Self::new(StatusCode::CONFLICT, "busy", "A deployment is under way", detail)
            },
            Error::Aborted { id, .. } => Self {
                deployment: Some(id),
                ..Self::new(StatusCode::CONFLICT, "aborted", "The switch was aborted", detail)
            },
            Error::Logs(_) => Self::internal(detail),
            Error::Store(error) => error.into(),
            Error::Scheduler(error) => error.into(),
        }
    }
}

impl From<launcher_notify::Error> for Problem {
    fn from(error: launcher_notify::Error) -> Self {
        match error {
            launcher_notify::Error::Store(error) => error.into(),
            // What was configured was checked at the start.
            other => Self::internal(other.to_string()),
        }
    }
}

impl From<launcher_store::Error> for Problem {
    fn from(error: launcher_store::Error) -> Self {
        use launcher_store::Error;
        let detail = error.to_string();
        match error {
            Error::NoSuch { .. } => Self::missing(detail),
            Error::Exists { .. }
            | Error::LastAdmin(_)
            | Error::HostTaken { .. }
            | Error::StillInUse { .. }
            | Error::BeingDeleted(_)
            | Error::PagesTooLong(_)
            | Error::Transition { .. }
            | Error::Busy(_)
            | Error::WrongState { .. }
            | Error::BuildOver { .. }
            | Error::Conflict(_) => Self::refused(detail),
            Error::Locked { .. } => {
                let status = StatusCode::SERVICE_UNAVAILABLE;
                Self::new(status, "storage-busy", "The database is in use", detail)
            }
            Error::Full => {
                let status = StatusCode::INSUFFICIENT_STORAGE;
                Self::new(status, "storage-full", "The server's disk is full", detail)
            }
            _ => Self::internal(detail),
        }
    }
}

impl From<launcher_telemetry::graph::NoPicture> for Problem {
    fn from(error: launcher_telemetry::graph::NoPicture) -> Self {
        Self::internal(error.to_string())
    }
}

impl From<launcher_telemetry::graphite::WebError> for Problem {
    fn from(error: launcher_telemetry::graphite::WebError) -> Self {
        Self::upstream(error.to_string())
    }
}

impl From<launcher_telemetry::Error> for Problem {
    fn from(error: launcher_telemetry::Error) -> Self {
        match error {
            launcher_telemetry::Error::Graphite(error) => error.into(),
            other => Self::internal(other.to_string()),
        }
    }
}

impl From<launcher_build::Error> for Problem {
    fn from(error: launcher_build::Error) -> Self {
        use launcher_build::Error;
        let detail = error.to_string();
        match error {
            Error::NoService(_) | Error::NoBuild(_) => Self::missing(detail),
            Error::Settings(_) | Error::Source(_) | Error::Protocol(_) | Error::TooLarge { .. } => {
                Self::invalid(detail)
            }
            Error::Refused(_)
            | Error::Step(_)
            | Error::Registry(_)
            | Error::Moved { .. }
            | Error::Upstream(_) => Self::refused(detail),
            Error::Store(error) => error.into(),
            Error::Scheduler(error) => error.into(),
            Error::Control(error) => error.into(),
            Error::NoGit | Error::Git { .. } | Error::File { .. } => Self::internal(detail),
        }
    }
}

impl From<launcher_scheduler::Error> for Problem {
    fn from(error: launcher_scheduler::Error) -> Self {
        use launcher_scheduler::Error;
        let detail = error.to_string();
        match error {
            Error::NoContainer(_) => Self::missing(detail),
            Error::Image { .. } => {
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                Self::new(status, "image", "The image cannot be had", detail)
            }
            Error::Unreachable { .. } => {
                let status = StatusCode::SERVICE_UNAVAILABLE;
                Self::new(status, "engine-unreachable", "The container engine is away", detail)
            }
            Error::Unsupported { .. } => {
                let status = StatusCode::NOT_IMPLEMENTED;
                Self::new(status, "unsupported", "The engine cannot do this", detail)
            }
            _ => Self::refused(detail),
        }
    }
}

/// For what no route answers.
pub(crate) async fn not_found(uri: axum::http::Uri) -> Problem {
    Problem::missing(format!("nothing is at {}; /api/openapi.json describes the API", uri.path()))
}

/// For a known path with another method.
pub(crate) async fn method_not_allowed(
    method: axum::http::Method,
    uri: axum::http::Uri,
) -> Problem {
    let detail = format!("{} takes no {method}; /api/openapi.json says what it takes", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", "Another method is needed", detail)
}

/// For a handler that panicked.
#[expect(clippy::needless_pass_by_value, reason = "the layer's signature")]
pub(crate) fn of_panic(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    tracing::error!(panic = text, "a handler panicked");
    Problem::internal("the server met a fault of its own; its log tells more").into_response()
}
