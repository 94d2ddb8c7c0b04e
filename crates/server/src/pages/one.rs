//! A page of one thing of those that a list shows, such as a host: shown, and brought up to date.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::HeaderMap;

use super::error::PageError;
use super::layout::{Follow, Frame, Page, render, render_once};
use super::lists::{OuterPart, drawn};
use super::live;
use super::view::escaped;
use super::view::mark::Mark;
use super::visitor::Visitor;
use crate::App;

/// One of them; its template is what changes on its page.
pub(super) trait One: Template + Sized + Send {
    /// The address of their list, and what that is called.
    const LIST: (&'static str, &'static str);
    /// There are graphs on its page.
    const HAS_GRAPHS: bool;

    /// Reads it.
    fn of(
        app: &App,
        visitor: &Visitor,
        name: &str,
    ) -> impl Future<Output = Result<Self, PageError>> + Send;

    /// What it is called.
    fn name(&self) -> &str;

    /// How it is, in a word.
    fn word(&self) -> &str;

    /// What the page's icon tells.
    fn mark(&self) -> Mark;
}

#[derive(Template)]
#[template(path = "one.html")]
struct Outer {
    frame: Frame,
    list: (&'static str, &'static str),
    name: String,
    title: String,
    mark: Mark,
    has_graphs: bool,
    part: String,
}

pub(super) async fn page<O: One>(
    State(app): State<App>,
    visitor: Visitor,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Page {
    let (at, _) = O::LIST;
    let events = live::events_url(&app, None).await?;
    let one = O::of(&app, &visitor, &name).await?;
    let follow = Follow { events, part: format!("/live/{at}/{}", escaped(one.name())) };
    let frame = Frame::of(&visitor, &headers, follow).at(at);
    let flash = frame.flash.is_some();
    let page = Outer {
        frame,
        list: O::LIST,
        name: one.name().to_owned(),
        title: title(&one),
        mark: one.mark(),
        has_graphs: O::HAS_GRAPHS,
        part: drawn(&one)?,
    };
    Ok(render_once(&app, flash, &page))
}

/// The part of the page that changes.
pub(super) async fn part<O: One>(
    State(app): State<App>,
    visitor: Visitor,
    Path(name): Path<String>,
) -> Page {
    let one = O::of(&app, &visitor, &name).await?;
    Ok(render(&OuterPart { title: title(&one), list: drawn(&one)? }))
}

fn title(one: &impl One) -> String {
    format!("{}: {}", one.name(), one.word())
}
