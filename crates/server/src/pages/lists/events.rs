//! What has happened, to all services or to one.

use askama::Template;
use jiff::Timestamp;
use launcher_model::ServiceName;
use launcher_model::event::EventKind;
use launcher_store::EventFilter;

use super::{List, Sought, Which, cut};
use crate::App;
use crate::http::moment::{kinds, span};
use crate::http::problem::Problem;
use crate::pages::acts::sentence;
use crate::pages::view::event::EventLine;
use crate::pages::view::mark::Mark;
use crate::pages::visitor::Visitor;

#[derive(Template)]
#[template(path = "events_live.html")]
pub(super) struct Events {
    service: Option<ServiceName>,
    sought: Sought,
    /// Where all of what is shown is had as a file.
    file: String,
    lines: Vec<EventLine>,
    older: Option<String>,
}

impl List for Events {
    const NAME: &'static str = "events";

    async fn of(app: &App, which: Which, visitor: &Visitor) -> Result<Self, Problem> {
        let groups = EventKind::groups().into_iter().map(|group| (group.clone(), group)).collect();
        let mut sought = Sought::of(app, "/events", &which, groups, visitor).await?;
        let launcher_store::Page { before, limit } = which.page()?;
        let service = which.service.clone();
        let allowed = EventFilter { service, before, limit, ..visitor.principal.events() };
        // What cannot be looked for is said above a list of nothing.
        let found = match narrowed(&which, allowed, app.now()) {
            Ok(filter) => app.store.events(&filter).await?,
            Err(problem) => {
                sought.fault = Some(sentence(problem.detail()));
                Vec::new()
            }
        };
        let (found, older) = cut(found, &which, "/events", |last| last.id.to_string());
        let lines = found.iter().map(|one| EventLine::new(one, app.now())).collect();
        Ok(Self { file: which.file("/events"), service: which.service, sought, lines, older })
    }

    fn mark(&self) -> Mark {
        Mark::Idle
    }

    fn title(&self) -> String {
        super::of_service("Events", self.service.as_ref())
    }
}

fn narrowed(which: &Which, filter: EventFilter, now: Timestamp) -> Result<EventFilter, Problem> {
    let (from, to) = span(which.from.as_deref(), which.to.as_deref(), now)?;
    let kinds = kinds(which.kind.as_deref().unwrap_or_default())?;
    Ok(EventFilter { kinds, by: which.who.clone(), from, to, ..filter })
}
