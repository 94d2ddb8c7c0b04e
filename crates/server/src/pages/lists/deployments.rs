//! What was deployed, of all services or of one.

use askama::Template;
use launcher_model::ServiceName;
use launcher_store::DeploymentFilter;

use super::{List, Which, cut};
use crate::App;
use crate::http::problem::Problem;
use crate::pages::view::deployment::DeploymentLine;
use crate::pages::view::mark::Mark;
use crate::pages::visitor::Visitor;

#[derive(Template)]
#[template(path = "deployments_live.html")]
pub(super) struct Deployments {
    service: Option<ServiceName>,
    lines: Vec<DeploymentLine>,
    older: Option<String>,
}

impl List for Deployments {
    const NAME: &'static str = "deployments";

    async fn of(app: &App, which: Which, visitor: &Visitor) -> Result<Self, Problem> {
        let filter = DeploymentFilter {
            service: which.service.clone(),
            among: visitor.principal.roles.only(),
            page: which.page()?,
        };
        let found = app.store.deployments(&filter).await?;
        let (found, older) = cut(found, &which, "/deployments", |last| last.id.to_string());
        let lines = found.iter().map(|one| DeploymentLine::new(one, app.now())).collect();
        Ok(Self { service: which.service, lines, older })
    }

    fn mark(&self) -> Mark {
        let moves = self.lines.iter().any(|line| line.under_way.is_some());
        if moves { Mark::Moving } else { Mark::Idle }
    }

    fn title(&self) -> String {
        super::of_service("Deployments", self.service.as_ref())
    }
}
