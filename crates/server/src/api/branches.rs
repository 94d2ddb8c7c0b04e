//! Branches and their environments.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use launcher_model::ServiceName;

use super::views::BranchSummary;
use crate::App;
use crate::auth::Principal;
use crate::http::extract::{Path, Query};
use crate::http::page::{Page, PageQuery};
use crate::http::problem::Problem;

/// Lists a service's branches that have an environment, by name.
#[utoipa::path(get, path = "/services/{service}/branches", tag = "branches",
    params(("service" = String, Path), PageQuery),
    responses((status = 200, body = Page<BranchSummary>), (status = "4XX", body = Problem)))]
pub(super) async fn list(
    State(app): State<App>,
    Path(service): Path<ServiceName>,
    Query(page): Query<PageQuery>,
) -> Result<Answer<Page<BranchSummary>>, Problem> {
    let limit = page.limit()?;
    let views = app.control.branches(&service).await?.into_iter();
    let after = page.cursor.unwrap_or_default();
    let rest = views.filter(|view| view.branch.name > after);
    let items = rest.take(limit as usize + 1).map(|view| BranchSummary::new(view, &app.settings));
    Ok(Answer(Page::part(items.collect(), limit, |last: &BranchSummary| last.name.clone())))
}

/// Forgets a branch and destroys its environments, but for those that are live or pinned. The next push to
/// it makes another. In the path, `/` in the name is written `%2F`.
#[utoipa::path(delete, path = "/services/{service}/branches/{branch}", tag = "branches",
    params(("service" = String, Path), ("branch" = String, Path)),
    responses((status = 204), (status = "4XX", body = Problem)))]
pub(super) async fn delete(
    State(app): State<App>,
    principal: Principal,
    Path((service, branch)): Path<(ServiceName, String)>,
) -> Result<StatusCode, Problem> {
    if app.control.delete_branch(&service, &branch, &principal.name).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Problem::missing(format!(
        "branch {branch} of {service} has no environment; `launcher branches {service}` lists those that have"
    )))
}
