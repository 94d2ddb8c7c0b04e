//! What all pages have around them.

use askama::Template;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use launcher_model::role::Role;

use super::assets;
use super::error::PageError;
use super::flash::Flash;
use super::view::mark::Mark;
use super::visitor::Visitor;
use crate::App;

/// What stands around a page's own part.
pub(super) struct Frame {
    /// Who is signed in.
    pub(super) visitor: Option<Signature>,
    /// What the last press did.
    pub(super) flash: Option<Flash>,
    /// Where the page hears of changes; nothing on pages that do not change.
    pub(super) follow: Option<Follow>,
    /// Which of the pages in the bar this is.
    pub(super) here: &'static str,
}

/// Who is signed in, and what their forms carry.
pub(super) struct Signature {
    pub(super) name: String,
    pub(super) form_secret: String,
    /// They may look at what belongs to no service.
    pub(super) sees_all: bool,
    /// They may see who else comes in.
    pub(super) is_admin: bool,
}

/// How a page follows what happens.
pub(super) struct Follow {
    /// The event stream.
    pub(super) events: String,
    /// Where the page's changing part is fetched again.
    pub(super) part: String,
}

impl Signature {
    fn of(visitor: &Visitor) -> Self {
        Self {
            name: visitor.principal.name.clone(),
            form_secret: visitor.form_secret(),
            sees_all: visitor.principal.roles.include(Role::Viewer),
            is_admin: visitor.principal.roles.include(Role::Admin),
        }
    }
}

impl Frame {
    /// For pages that need no session.
    pub(super) fn bare() -> Self {
        Self { visitor: None, flash: None, follow: None, here: "" }
    }

    /// For a visitor's page.
    pub(super) fn of(visitor: &Visitor, headers: &HeaderMap, follow: Follow) -> Self {
        Self { follow: Some(follow), ..Self::still(visitor, headers) }
    }

    /// For a visitor's page that does not change by itself.
    pub(super) fn still(visitor: &Visitor, headers: &HeaderMap) -> Self {
        let (signature, flash) = (Signature::of(visitor), Flash::of(headers));
        Self { visitor: Some(signature), flash, follow: None, here: "" }
    }

    /// The same around one of the pages in the bar.
    pub(super) fn at(self, here: &'static str) -> Self {
        Self { here, ..self }
    }

    /// The pages in the bar, by their addresses.
    pub(super) fn pages(&self) -> Vec<(&'static str, &'static str)> {
        let all = [
            ("builds", "Builds"),
            ("hosts", "Hosts"),
            ("edges", "Edges"),
            ("certificates", "Certificates"),
            ("deployments", "Deployments"),
            ("events", "Events"),
            ("people", "People"),
            ("audit", "Audit"),
            ("server", "Server"),
        ];
        let Some(visitor) = &self.visitor else { return Vec::new() };
        let is_seen = |(path, _): &(&str, &str)| match *path {
            "hosts" | "edges" | "certificates" | "server" => visitor.sees_all,
            "people" | "audit" => visitor.is_admin,
            _ => true,
        };
        all.into_iter().filter(is_seen).collect()
    }

    pub(super) fn is_here(&self, page: &str) -> bool {
        self.here == page
    }

    pub(super) fn asset(&self, name: &str) -> String {
        assets::url(name)
    }

    pub(super) fn icon(&self, mark: &Mark) -> String {
        assets::url(mark.icon())
    }

    /// The icon of each mark, by its class.
    pub(super) fn icons(&self) -> [(&'static str, String); 6] {
        Mark::ALL.map(|mark| (mark.class(), self.icon(&mark)))
    }
}

/// A template as a response.
pub(super) fn render(template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => Html(html).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            (StatusCode::INTERNAL_SERVER_ERROR, "this page could not be rendered\n").into_response()
        }
    }
}

/// A page that shows what the last press did: that is over now.
pub(super) fn render_once(app: &App, frame_had_flash: bool, template: &impl Template) -> Response {
    let mut response = render(template);
    if frame_had_flash {
        response.headers_mut().append(header::SET_COOKIE, Flash::forget(&app.settings));
    }
    response
}

/// What a handler of a page returns.
pub(super) type Page = Result<Response, PageError>;
