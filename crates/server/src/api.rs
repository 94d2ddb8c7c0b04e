//! `/api/v1`: one module per thing, each with its handlers and nothing else.

pub(crate) mod audit;
mod branches;
mod builds;
pub(crate) mod certificates;
mod checkup;
mod commands;
mod deployments;
pub(crate) mod edges;
mod environments;
mod events;
mod file;
mod holds;
mod hooks;
mod hosts;
mod infrastructure;
mod logs;
mod maintenance;
mod metrics;
pub(crate) mod notifications;
mod operations;
mod outlook;
pub(crate) mod people;
pub(crate) mod secrets;
pub(crate) mod services;
pub(crate) mod sessions;
pub(crate) mod tokens;
pub(crate) mod versions;
pub mod views;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;
use crate::http::{idempotency, problem};

const ABOUT: &str = "Every call needs `Authorization: Bearer TOKEN`. Errors are problem details (RFC 9457). \
A mutating call takes `Idempotency-Key`: repeated with the same key and body, it is done once. \
Lists take `cursor` and `limit`, and give the next cursor as `next`.";

/// The API's routes, and what describes them.
pub(crate) fn router(app: &App) -> (Router<App>, OpenApi) {
    let mut described = OpenApi::default();
    described.info.title = "Rocket Launcher".to_owned();
    described.info.version = env!("CARGO_PKG_VERSION").to_owned();
    described.info.description = Some(ABOUT.to_owned());
    let (router, mut document) =
        OpenApiRouter::with_openapi(described).nest("/api/v1", routes()).split_for_parts();
    let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    document.components.get_or_insert_default().add_security_scheme("token", scheme);
    document.security = Some(vec![utoipa::openapi::security::SecurityRequirement::new(
        "token",
        Vec::<String>::new(),
    )]);
    let router = router
        .method_not_allowed_fallback(problem::method_not_allowed)
        .route_layer(from_fn_with_state(app.clone(), idempotency::layer));
    let (signed, told) = OpenApiRouter::new().nest("/api/v1", signed()).split_for_parts();
    document.merge(told);
    operations::name(&mut document);
    let signed = signed.method_not_allowed_fallback(problem::method_not_allowed);
    (router.merge(signed), document)
}

/// `/api/openapi.json`, which needs a token as all of the API does.
pub(crate) fn document(document: OpenApi) -> Router<App> {
    let answer = async move || axum::Json(document);
    Router::new().route("/api/openapi.json", get(answer))
}

/// What others call without a token of this server.
fn signed() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(hooks::code_hosts::deliver))
        .routes(routes!(hooks::code_hosts::notify))
}

fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(services::list, services::create))
        .routes(routes!(services::show, services::put, services::delete))
        .routes(routes!(versions::list, versions::launch))
        .routes(routes!(versions::show, environments::destroy))
        .routes(routes!(outlook::show))
        .routes(routes!(outlook::unnamed))
        .routes(routes!(environments::start))
        .routes(routes!(environments::stop))
        .routes(routes!(environments::scale))
        .routes(routes!(environments::pin))
        .routes(routes!(environments::unpin))
        .routes(routes!(logs::logs))
        .routes(routes!(commands::exec, commands::attend))
        .routes(routes!(commands::run))
        .routes(routes!(branches::list))
        .routes(routes!(branches::delete))
        .routes(routes!(deployments::list, deployments::deploy))
        .routes(routes!(deployments::show))
        .routes(routes!(deployments::rollback))
        .routes(routes!(deployments::list_all))
        .routes(routes!(builds::list_all))
        .merge(
            OpenApiRouter::new()
                .routes(routes!(builds::list, builds::upload))
                // What is sent in is written to the disk as it comes.
                .layer(DefaultBodyLimit::disable()),
        )
        .routes(routes!(builds::show))
        .routes(routes!(builds::log))
        .routes(routes!(builds::cancel))
        .routes(routes!(builds::retry))
        .routes(routes!(metrics::show))
        .routes(routes!(metrics::graphs))
        .routes(routes!(holds::hold, holds::release))
        .routes(routes!(maintenance::show, maintenance::begin, maintenance::end))
        .routes(routes!(events::list))
        .routes(routes!(notifications::list))
        .routes(routes!(notifications::test))
        .routes(routes!(hosts::list))
        .routes(routes!(hosts::show))
        .routes(routes!(hosts::close))
        .routes(routes!(hosts::drain))
        .routes(routes!(hosts::open))
        .routes(routes!(hosts::describe))
        .routes(routes!(hosts::reports::take))
        .routes(routes!(hosts::metrics::show))
        .routes(routes!(hosts::metrics::graphs))
        .routes(routes!(infrastructure::containers))
        .routes(routes!(certificates::list))
        .routes(routes!(certificates::renew))
        .routes(routes!(edges::list, edges::invite))
        .routes(routes!(edges::revoke))
        .routes(routes!(infrastructure::server))
        .routes(routes!(checkup::checkup))
        .routes(routes!(secrets::list))
        .routes(routes!(secrets::set, secrets::unset))
        .routes(routes!(tokens::list, tokens::create))
        .routes(routes!(tokens::revoke))
        .routes(routes!(people::list, people::add))
        .routes(routes!(people::show, people::set, people::remove))
        .routes(routes!(people::set_password))
        .routes(routes!(sessions::list))
        .routes(routes!(sessions::revoke))
        .routes(routes!(audit::list))
        .routes(routes!(hooks::registry::notify))
}
