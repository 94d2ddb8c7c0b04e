//! What the edge itself answers when no container does: a short page that says what is wrong.

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Response, StatusCode};

use super::body::ResponseBody;

/// A page: a status and a sentence or two for the person who sees it.
#[derive(Debug)]
pub(super) struct Page {
    status: StatusCode,
    text: String,
    /// Fields beyond those that every page has.
    fields: Vec<(HeaderName, HeaderValue)>,
}

impl Page {
    pub(super) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into(), fields: Vec::new() }
    }

    /// The page with another field.
    pub(super) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.fields.push((name, value));
        self
    }

    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    /// The page as a response, as HTML to those who ask for it.
    pub(super) fn respond(self, html: bool) -> Response<ResponseBody> {
        let reason = self.status.canonical_reason().unwrap_or_default();
        let title = format!("{} {reason}", self.status.as_u16());
        let (kind, text) = if html {
            ("text/html; charset=utf-8", markup(&title, &self.text))
        } else {
            ("text/plain; charset=utf-8", format!("{title}\n{}\n", self.text))
        };
        let mut response = Response::new(ResponseBody::Page(Some(Bytes::from(text))));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        // What has moved for good may be remembered (RFC 9110 §15.4).
        if !matches!(self.status, StatusCode::MOVED_PERMANENTLY | StatusCode::PERMANENT_REDIRECT) {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            let allowed = "GET, HEAD, POST, PUT, DELETE, OPTIONS, TRACE, PATCH";
            headers.insert(header::ALLOW, HeaderValue::from_static(allowed));
        }
        headers.extend(self.fields);
        response
    }
}

/// Whether a client with this Accept header reads HTML.
pub(super) fn wants_html(accept: &HeaderValue) -> bool {
    accept.as_bytes().windows(9).any(|part| part.eq_ignore_ascii_case(b"text/html"))
}

fn markup(title: &str, text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <style>body{{font:16px/1.5 system-ui,sans-serif;max-width:40em;margin:15vh auto;padding:0 1em}}</style>\
         <h1>{title}</h1><p>{text}</p></html>\n"
    )
}
