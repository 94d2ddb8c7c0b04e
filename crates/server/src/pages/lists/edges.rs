//! The edges: which are there, what they carry with, and whether they are up to date.

use std::net::SocketAddr;

use askama::Template;
use launcher_model::role::Role;

use super::{List, Which};
use crate::App;
use crate::api::edges;
use crate::api::views::{EdgeState, EdgeView};
use crate::http::problem::Problem;
use crate::pages::view::ago::Ago;
use crate::pages::view::mark::Mark;
use crate::pages::visitor::Visitor;

#[derive(Template)]
#[template(path = "edges_live.html")]
pub(super) struct Edges {
    lines: Vec<EdgeLine>,
    /// Whoever looks may invite one.
    is_admin: bool,
}

/// An edge.
pub(in crate::pages) struct EdgeLine {
    pub(in crate::pages) name: String,
    pub(in crate::pages) mark: Mark,
    pub(in crate::pages) word: String,
    pub(in crate::pages) since: Option<Ago>,
    pub(in crate::pages) carries: String,
    pub(in crate::pages) addresses: String,
    pub(in crate::pages) lag: String,
}

impl List for Edges {
    const NAME: &'static str = "edges";

    async fn of(app: &App, _: Which, visitor: &Visitor) -> Result<Self, Problem> {
        let all = edges::all(app).await?;
        let lines = all.into_iter().map(|edge| EdgeLine::new(edge, app.now())).collect();
        Ok(Self { lines, is_admin: visitor.principal.roles.include(Role::Admin) })
    }

    fn mark(&self) -> Mark {
        let marks = self.lines.iter().map(|line| line.mark);
        marks.min().map_or(Mark::Trouble, |mark| mark)
    }

    fn title(&self) -> String {
        "Edges".to_owned()
    }
}

impl EdgeLine {
    pub(in crate::pages) fn new(edge: EdgeView, now: jiff::Timestamp) -> Self {
        let (mark, word) = match (edge.state, edge.behind) {
            // Green is what is live, and nothing else.
            (EdgeState::Connected, 0) => (Mark::Idle, "up to date".to_owned()),
            (EdgeState::Connected, behind) => (Mark::Moving, format!("{behind} behind")),
            (EdgeState::Away, _) => (Mark::Trouble, "away, serves on with what it has".to_owned()),
            (EdgeState::Invited, _) => (Mark::Idle, "invited, has not joined".to_owned()),
        };
        let since = edge.connected_at.or(edge.last_seen);
        let program = [edge.driver, edge.version].into_iter().flatten().collect::<Vec<_>>();
        let https = edge.https.iter().map(|address| format!("https://{address}"));
        let addresses: Vec<_> = edge.http.iter().map(SocketAddr::to_string).chain(https).collect();
        let lag = edge.lag_us.map(crate::words::micros);
        Self {
            name: edge.name.to_string(),
            mark,
            word,
            since: since.map(|since| Ago::new(since, now)),
            carries: program.join(" "),
            addresses: addresses.join(", "),
            lag: lag.unwrap_or_default(),
        }
    }
}
