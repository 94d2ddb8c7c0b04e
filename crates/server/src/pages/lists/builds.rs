//! Runs from source to a version, of all services or of one.

use askama::Template;
use launcher_model::ServiceName;
use launcher_store::BuildFilter;

use super::{List, Which, cut};
use crate::App;
use crate::http::problem::Problem;
use crate::pages::view::build::BuildLine;
use crate::pages::view::mark::Mark;
use crate::pages::visitor::Visitor;

#[derive(Template)]
#[template(path = "builds_live.html")]
pub(super) struct Builds {
    service: Option<ServiceName>,
    lines: Vec<BuildLine>,
    older: Option<String>,
}

impl List for Builds {
    const NAME: &'static str = "builds";

    async fn of(app: &App, which: Which, visitor: &Visitor) -> Result<Self, Problem> {
        let (service, page) = (which.service.clone(), which.page()?);
        let found = app
            .store
            .builds(&BuildFilter {
                service,
                among: visitor.principal.roles.only(),
                branch: None,
                page,
            })
            .await?;
        let (found, older) = cut(found, &which, "/builds", |last| last.id.to_string());
        let lines = found.into_iter().map(|build| BuildLine::new(build, app.now())).collect();
        Ok(Self { service: which.service, lines, older })
    }

    fn mark(&self) -> Mark {
        let moves = self.lines.iter().any(|line| line.mark == Mark::Moving);
        if moves { Mark::Moving } else { Mark::Idle }
    }

    fn title(&self) -> String {
        super::of_service("Builds", self.service.as_ref())
    }
}
