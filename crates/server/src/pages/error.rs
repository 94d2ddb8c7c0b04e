//! What stands in the way, as a page.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::layout::{Frame, render};
use crate::http::problem::Problem;

/// What stands in the way of a page.
#[derive(Debug)]
pub(super) struct PageError(Problem);

impl PageError {
    /// A form that is not from a page of this session.
    pub(super) fn foreign_form() -> Self {
        Self(Problem::malformed(
            StatusCode::FORBIDDEN,
            "This form does not come from a page of your session, so nothing was done. Load the page again and press once more.",
        ))
    }

    /// A request that cannot be understood.
    pub(super) fn malformed(status: StatusCode, detail: impl Into<String>) -> Self {
        Self(Problem::malformed(status, detail))
    }

    /// There is no such thing.
    pub(super) fn missing(detail: impl Into<String>) -> Self {
        Self(Problem::missing(detail))
    }
}

impl<E: Into<Problem>> From<E> for PageError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    frame: Frame,
    title: &'static str,
    detail: &'a str,
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let Self(problem) = self;
        let status = problem.status();
        if status.is_server_error() {
            tracing::error!(%status, detail = problem.detail(), "a page could not be shown");
        }
        let title = problem.title();
        let page = ErrorPage { frame: Frame::bare(), title, detail: problem.detail() };
        (status, render(&page)).into_response()
    }
}
