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
    /// The text is all that there is.
    alone: bool,
    /// A page that somebody else has made, in the place of the edge's own.
    markup: Option<Bytes>,
    /// Fields beyond those that every page has.
    fields: Vec<(HeaderName, HeaderValue)>,
}

impl Page {
    pub(super) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into(), alone: false, markup: None, fields: Vec::new() }
    }

    /// The text alone, for a program.
    pub(super) fn alone(mut self) -> Self {
        self.alone = true;
        self
    }

    /// The page as somebody else has made it, in HTML.
    pub(super) fn with_markup(mut self, markup: Bytes) -> Self {
        self.markup = Some(markup);
        self
    }

    /// The page with another field.
    pub(super) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.fields.push((name, value));
        self
    }

    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    /// The page as a response, as HTML to those who ask for it. A page that was made for people also goes
    /// to those who take anything.
    pub(super) fn respond(self, accept: Option<&HeaderValue>) -> Response<ResponseBody> {
        let reason = self.status.canonical_reason().unwrap_or_default();
        let title = format!("{} {reason}", self.status.as_u16());
        let made = self.markup.filter(|_| accept.is_none_or(takes_html));
        let (kind, text) = match made {
            _ if self.alone => (PLAIN, self.text.into()),
            Some(made) => (HTML, made),
            None if accept.is_some_and(wants_html) => (HTML, markup(&title, &self.text).into()),
            None => (PLAIN, format!("{title}\n{}\n", self.text).into()),
        };
        let mut response = Response::new(ResponseBody::Page(Some(text)));
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

const HTML: &str = "text/html; charset=utf-8";
const PLAIN: &str = "text/plain; charset=utf-8";

/// Whether a client with this Accept header asks for HTML.
pub(super) fn wants_html(accept: &HeaderValue) -> bool {
    names(accept, b"text/html")
}

/// Whether a client with this Accept header takes HTML, among others.
fn takes_html(accept: &HeaderValue) -> bool {
    wants_html(accept) || names(accept, b"text/*") || names(accept, b"*/*")
}

fn names(accept: &HeaderValue, range: &[u8]) -> bool {
    accept.as_bytes().windows(range.len()).any(|part| part.eq_ignore_ascii_case(range))
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
