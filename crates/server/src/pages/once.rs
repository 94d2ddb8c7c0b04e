//! What is shown once, and kept nowhere: a link, or the text of a token.

use askama::Template;
use axum::http::{HeaderMap, header};
use launcher_model::PersonName;

use super::layout::Frame;
use super::visitor::Visitor;

#[derive(Template)]
#[template(path = "once.html")]
pub(super) struct OncePage {
    frame: Frame,
    title: String,
    /// What it is for.
    words: String,
    secret: String,
}

impl OncePage {
    /// The link by which a person sets a password and signs in.
    pub(super) fn link(
        name: &PersonName,
        address: &str,
        visitor: &Visitor,
        headers: &HeaderMap,
    ) -> Self {
        // The address that the browser has this page from leads others here, too.
        let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
        let origin = origin.filter(|origin| origin.starts_with("http") && address.starts_with('/'));
        let origin = origin.unwrap_or_default();
        Self {
            frame: Frame::still(visitor, headers).at("people"),
            title: format!("A link for {name}"),
            words: format!(
                "By this link {name} sets a password and signs in, once and within a day. Send it to them: it is shown here and nowhere else."
            ),
            secret: format!("{origin}{address}"),
        }
    }

    /// The text of a new token.
    pub(super) fn token(name: &str, text: &str, visitor: &Visitor, headers: &HeaderMap) -> Self {
        Self {
            frame: Frame::still(visitor, headers).at("people"),
            title: format!("The token {name}"),
            words: "Give it to the program that needs it: it is shown here and nowhere else."
                .to_owned(),
            secret: text.to_owned(),
        }
    }
}
