//! Who is told what happens, and trying it out.

use axum::Json as Answer;
use axum::extract::State;

use super::views::{NotificationView, TestedView};
use crate::App;
use crate::auth::Principal;
use crate::http::extract::Path;
use crate::http::page::Page;
use crate::http::problem::Problem;

/// Lists the targets of notifications, and how each is.
#[utoipa::path(get, path = "/notifications", tag = "events",
    responses((status = 200, body = Page<NotificationView>), (status = "4XX", body = Problem)))]
pub(super) async fn list(
    State(app): State<App>,
) -> Result<Answer<Page<NotificationView>>, Problem> {
    let targets = app.notifier.targets().await?;
    Ok(Answer(Page::whole(targets.into_iter().map(NotificationView::from).collect())))
}

/// Sends a target a test message now, and answers how that went; a failure is answered with 200, too.
#[utoipa::path(post, path = "/notifications/{name}/test", tag = "events", params(("name" = String, Path)),
    responses((status = 200, body = TestedView), (status = "4XX", body = Problem)))]
pub(super) async fn test(
    State(app): State<App>,
    principal: Principal,
    Path(name): Path<String>,
) -> Result<Answer<TestedView>, Problem> {
    tested(&app, &name, &principal.name).await.map(Answer)
}

/// Sends a target a test message; how that went.
///
/// # Errors
/// When there is no such target.
pub(crate) async fn tested(app: &App, name: &str, by: &str) -> Result<TestedView, Problem> {
    let outcome = app.notifier.test(name, by).await.ok_or_else(|| {
        Problem::missing(format!(
            "there is no target of notifications {name:?}; `launcher notifications` lists them"
        ))
    })?;
    Ok(match outcome {
        Ok(took) => {
            let took_ms = Some(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
            TestedView { told: true, why: None, took_ms }
        }
        Err(refusal) => TestedView { told: false, why: Some(refusal.to_string()), took_ms: None },
    })
}
