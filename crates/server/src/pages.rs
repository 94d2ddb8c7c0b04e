//! The web pages: what is live, what waits beside it, and the button between them.
//!
//! Everything works by links and forms alone. Where there is JavaScript, a page hears over
//! [`live`] that something has changed, fetches its part of itself again and lets htmx morph it in place.

mod acts;
mod assets;
mod build;
mod cookies;
mod deployment;
mod edge;
mod editor;
mod environment;
mod error;
mod flash;
mod forms;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzz;
mod holds;
mod home;
mod host;
mod jump;
mod launch;
mod layout;
mod lists;
mod live;
mod login;
mod maintenance;
mod new_service;
mod next;
mod once;
mod one;
mod openid;
mod outlook;
mod person;
mod protect;
mod removal;
mod roles;
mod secrets;
mod server;
mod service;
mod settings;
mod sure;
mod terminal;
mod tokens;
mod view;
mod visitor;

use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, middleware};

use crate::App;
use crate::http::problem::Problem;

pub(crate) use forms::says_where_from;
pub(crate) use protect::page as protected;
pub(crate) use visitor::{cookie, sign_in_first};

/// What stands in the way of a page, as a page.
pub(crate) fn stop(problem: Problem) -> Response {
    error::PageError::from(problem).into_response()
}

/// For what no route answers: a page for those who look at pages.
pub(crate) async fn not_found(uri: Uri, headers: HeaderMap) -> Response {
    let accepts = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let looks = accepts.is_some_and(|accept| accept.contains("text/html"));
    if looks && !uri.path().starts_with("/api") {
        let told = "Nothing is at this address. Look whether it is written as it should be, or begin at the services.";
        return protect::page(error::PageError::missing(told).into_response()).await;
    }
    crate::http::problem::not_found(uri).await.into_response()
}

/// For an address that is only there for a button.
async fn only_pressed() -> error::PageError {
    let told = "This address is for a button of a page, and shows nothing by itself. Nothing was done; go to the services, and press it there.";
    error::PageError::malformed(StatusCode::METHOD_NOT_ALLOWED, told)
}

/// The pages' routes.
pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/", get(home::page))
        .route("/services/{service}", get(service::page))
        .route("/new/service", get(new_service::page).post(new_service::press))
        .route("/new/service/check", post(new_service::check))
        .route("/new/person", get(person::new_page).post(person::add))
        .route("/people/{name}", get(person::page).post(person::change))
        .route("/people/{name}/password", post(person::password))
        .route("/people/{name}/link", post(person::link))
        .route("/people/{name}/remove", post(person::remove))
        .route("/new/token", get(tokens::page).post(tokens::create))
        .route("/tokens/{name}/revoke", post(tokens::revoke))
        .route("/secrets", get(secrets::list))
        .route("/new/secret", get(secrets::wanted))
        .route("/secrets/{name}", get(secrets::page).post(secrets::set))
        .route("/secrets/{name}/unset", post(secrets::unset))
        .route("/server", get(server::page))
        .route("/services/{service}/settings", get(settings::page).post(settings::press))
        .route("/services/{service}/settings/check", post(settings::check))
        .route("/services/{service}/launch", get(launch::page).post(launch::press))
        .route("/services/{service}/delete", get(removal::delete_page).post(removal::delete))
        .route("/services/{service}/offline", get(removal::offline_page).post(removal::offline))
        .route("/services/{service}/maintenance", get(sure::maintenance).post(maintenance::press))
        .route("/services/{service}/versions/{version}/sure/{act}", get(sure::act))
        .route("/services/{service}/hold", post(holds::hold))
        .route("/services/{service}/release", post(holds::release))
        .route("/services/{service}/{act}", post(acts::act))
        .route("/services/{service}/deployments/{id}", get(deployment::page))
        .route("/services/{service}/versions/{version}", get(environment::page))
        .route("/services/{service}/versions/{version}/log.txt", get(environment::download))
        .route("/services/{service}/versions/{version}/deploy", get(outlook::page))
        .route("/services/{service}/versions/{version}/terminal/{container}", get(terminal::page))
        .route("/live/services/{service}/deployments/{id}", get(deployment::part))
        .route("/live/services/{service}/versions/{version}/deploy", get(outlook::part))
        .route("/live/services/{service}/versions/{version}", get(environment::part))
        .route("/live/services/{service}/versions/{version}/log", get(environment::log))
        .route("/hosts/{host}", get(one::page::<host::Host>))
        .route("/hosts/{host}/sure/{act}", get(host::sure))
        .route("/hosts/{host}/{act}", post(host::act))
        .route("/live/hosts/{host}", get(one::part::<host::Host>))
        .route("/edges/{edge}", get(one::page::<edge::Edge>))
        .route("/edges/{edge}/revoke", get(edge::sure).post(edge::revoke))
        .route("/live/edges/{edge}", get(one::part::<edge::Edge>))
        .route("/new/edge", get(edge::new_page).post(edge::invite))
        .route("/builds/{id}", get(build::page))
        .route("/builds/{id}/log.txt", get(build::download))
        .route("/builds/{id}/cancel", post(build::cancel))
        .route("/builds/{id}/retry", post(build::retry))
        .route("/live/builds/{id}", get(build::part))
        .route("/live/builds/{id}/log", get(build::log))
        .route("/live", get(live::stream))
        .route("/live/home", get(home::part))
        .route("/live/services/{service}", get(service::part))
        .route("/jump", get(jump::jump))
        .merge(lists::router())
        .route("/login", get(login::page).post(login::sign_in))
        .route("/login/openid", get(openid::begin))
        .route("/login/openid/callback", get(openid::end))
        .route("/login/{secret}", get(login::link_page).post(login::with_link))
        .route("/logout", post(login::logout))
        .method_not_allowed_fallback(only_pressed)
        .layer(middleware::map_response(protect::page))
        .route("/assets/{hash}/{*file}", get(assets::asset))
}
