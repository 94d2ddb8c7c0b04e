//! What has happened, to all services or to one.

use askama::Template;
use launcher_model::ServiceName;
use launcher_store::EventFilter;

use super::{List, Which, cut};
use crate::App;
use crate::http::problem::Problem;
use crate::pages::view::event::EventLine;
use crate::pages::view::mark::Mark;
use crate::pages::visitor::Visitor;

#[derive(Template)]
#[template(path = "events_live.html")]
pub(super) struct Events {
    service: Option<ServiceName>,
    lines: Vec<EventLine>,
    older: Option<String>,
}

impl List for Events {
    const NAME: &'static str = "events";

    async fn of(app: &App, which: Which, visitor: &Visitor) -> Result<Self, Problem> {
        let launcher_store::Page { before, limit } = which.page()?;
        let service = which.service.clone();
        let allowed = visitor.principal.events();
        let filter = EventFilter { service, before, limit, ..allowed };
        let found = app.store.events(&filter).await?;
        let (found, older) = cut(found, &which, "/events", |last| last.id.to_string());
        let lines = found.iter().map(|one| EventLine::new(one, app.now())).collect();
        Ok(Self { service: which.service, lines, older })
    }

    fn mark(&self) -> Mark {
        Mark::Idle
    }

    fn title(&self) -> String {
        super::of_service("Events", self.service.as_ref())
    }
}
