//! The server itself: what it is, and how it was configured.

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use launcher_model::role::Role;

use super::layout::{Frame, Page, render_once};
use super::visitor::Visitor;
use crate::App;
use crate::state::Configured;

#[derive(Template)]
#[template(path = "server.html")]
struct ServerPage {
    frame: Frame,
    /// What it is, in pairs of what and how.
    facts: Vec<(&'static str, String)>,
    /// Only for administrators.
    configured: Option<Configured>,
}

pub(super) async fn page(State(app): State<App>, visitor: Visitor, headers: HeaderMap) -> Page {
    let engine = app.control.engine();
    let answers = match engine.lost {
        Some((_, why)) => format!("{}, which does not answer: {why}", engine.name),
        None => engine.name.to_owned(),
    };
    let settings = &app.settings;
    let facts = vec![
        ("Version", env!("CARGO_PKG_VERSION").to_owned()),
        ("Installation", app.store.installation().await?),
        ("Containers are placed by", answers),
        ("Previews are at", settings.url(&format!("vN.SERVICE.{}", settings.preview_domain))),
        ("Who did what is kept for", format!("{} days", settings.audit_keep.as_hours() / 24)),
    ];
    let is_admin = visitor.principal.roles.include(Role::Admin);
    let page = ServerPage {
        frame: Frame::still(&visitor, &headers).at("server"),
        facts,
        configured: is_admin.then(|| settings.configured.clone()),
    };
    Ok(render_once(&app, page.frame.flash.is_some(), &page))
}
