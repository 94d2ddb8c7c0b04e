//! What this server needs of others, looked at now: the registries of its services, and who people sign in by.

use axum::Json as Answer;
use axum::extract::State;
use launcher_build::Looked;

use super::views::{CheckupView, ProviderCheckView, RegistryCheckView};
use crate::App;
use crate::http::problem::Problem;

/// Asks the registries that services use, and the provider of OpenID Connect, whether they can be used now. It
/// answers within some ten seconds, whatever they do.
#[utoipa::path(get, path = "/server/checkup", tag = "infrastructure",
    responses((status = 200, body = CheckupView), (status = "4XX", body = Problem)))]
pub(super) async fn checkup(State(app): State<App>) -> Result<Answer<CheckupView>, Problem> {
    let (registries, openid) = tokio::join!(app.builds.look_at_registries(), provider(&app));
    let registries = registries?.into_iter().map(RegistryCheckView::from).collect();
    Ok(Answer(CheckupView { registries, openid }))
}

async fn provider(app: &App) -> Option<ProviderCheckView> {
    let openid = app.openid.as_ref()?;
    let trouble = openid.look().await.err().map(|error| error.to_string());
    Some(ProviderCheckView { issuer: openid.settings().issuer.clone(), trouble })
}

impl From<Looked> for RegistryCheckView {
    fn from(looked: Looked) -> Self {
        let Looked { registry, services, trouble } = looked;
        let login_refused =
            matches!(trouble, Some(launcher_build::RegistryError::LoginRefused { .. }));
        let trouble = trouble.map(|error| error.to_string());
        Self { registry, services, trouble, login_refused }
    }
}
