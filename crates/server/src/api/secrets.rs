//! Secrets: set, listed by name, unset; never shown.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use launcher_model::ServiceName;
use launcher_model::secret::SecretName;
use secrecy::{ExposeSecret, SecretString};

use super::views::{SecretBody, SecretView};
use crate::auth::Principal;
use crate::http::extract::{Json, Path};
use crate::http::page::Page;
use crate::http::problem::Problem;
use crate::{App, MAX_SECRET};

/// Lists the secrets that are set.
#[utoipa::path(get, path = "/secrets", tag = "secrets",
    responses((status = 200, body = Page<SecretView>), (status = "4XX", body = Problem)))]
pub(super) async fn list(State(app): State<App>) -> Result<Answer<Page<SecretView>>, Problem> {
    Ok(Answer(Page::whole(all(&app).await?)))
}

/// The secrets that are set, by name.
///
/// # Errors
/// When the store fails.
pub(crate) async fn all(app: &App) -> Result<Vec<SecretView>, Problem> {
    let mut opened = app.control.opened().await?;
    let secrets = app.store.secrets().await?.into_iter().map(|record| SecretView {
        previews_of: opened.remove(record.newest.name.as_str()).unwrap_or_default(),
        name: record.newest.name,
        number: record.newest.number,
        set_at: record.set_at,
        set_by: record.set_by,
    });
    Ok(secrets.collect())
}

/// Gives a secret a new value. Versions that exist keep the value that they were launched with; who may
/// look at previews by it is known at once.
#[utoipa::path(put, path = "/secrets/{name}", tag = "secrets", request_body = SecretBody,
    params(("name" = String, Path, description = "With `/` written as `%2F`")),
    responses((status = 200, body = SecretView), (status = "4XX", body = Problem)))]
pub(super) async fn set(
    State(app): State<App>,
    principal: Principal,
    Path(name): Path<SecretName>,
    Json(body): Json<SecretBody>,
) -> Result<Answer<SecretView>, Problem> {
    give(&app, name, &body.value, principal.name).await.map(Answer)
}

/// Gives a secret a new value.
///
/// # Errors
/// When it is no value for a secret, or the store fails.
pub(crate) async fn give(
    app: &App,
    name: SecretName,
    value: &SecretString,
    by: String,
) -> Result<SecretView, Problem> {
    let length = value.expose_secret().len();
    if length == 0 || length > MAX_SECRET || value.expose_secret().contains('\0') {
        let detail = format!("a secret's value is 1 to {MAX_SECRET} bytes of text without NUL");
        return Err(Problem::invalid(detail));
    }
    let sealed = app.vault.seal(&name, value)?;
    let now = app.now();
    let version = app.store.set_secret(&name, &sealed, &by, now).await?;
    let number = version.number;
    let previews_of = tell_edges(app, &name).await?;
    Ok(SecretView { name, number, set_at: now, set_by: by, previews_of })
}

/// Makes a secret unusable for new versions. Nobody may look at previews by it any more.
#[utoipa::path(delete, path = "/secrets/{name}", tag = "secrets",
    params(("name" = String, Path, description = "With `/` written as `%2F`")),
    responses((status = 204), (status = "4XX", body = Problem)))]
pub(super) async fn unset(
    State(app): State<App>,
    principal: Principal,
    Path(name): Path<SecretName>,
) -> Result<StatusCode, Problem> {
    take(&app, &name, &principal.name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes a secret unusable.
///
/// # Errors
/// When it is not set, or the store fails.
pub(crate) async fn take(app: &App, name: &SecretName, by: &str) -> Result<(), Problem> {
    if !app.store.unset_secret(name, by, app.now()).await? {
        return Err(Problem::missing(format!(
            "there is no secret {name}; `launcher secret list` lists them"
        )));
    }
    tell_edges(app, name).await?;
    Ok(())
}

/// Has edges be told of a secret that opens previews; the services whose previews it opens.
async fn tell_edges(app: &App, name: &SecretName) -> Result<Vec<ServiceName>, Problem> {
    let services = app.control.opened_by(name).await?;
    app.control.logins_changed(&services);
    Ok(services)
}
