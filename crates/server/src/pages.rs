//! The web pages: what is live, what waits beside it, and the button between them.
//!
//! Everything works by links and forms alone. Where there is JavaScript, a page hears over
//! [`live`] that something has changed, fetches its part of itself again and lets htmx morph it in place.

mod acts;
mod assets;
mod cookies;
mod deployment;
mod editor;
mod environment;
mod error;
mod flash;
mod forms;
mod holds;
mod home;
mod jump;
mod launch;
mod layout;
mod lists;
mod live;
mod login;
mod maintenance;
mod new_service;
mod once;
mod openid;
mod outlook;
mod person;
mod protect;
mod roles;
mod secrets;
mod server;
mod service;
mod settings;
mod terminal;
mod tokens;
mod view;
mod visitor;

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
        .route("/services/{service}/maintenance", post(maintenance::press))
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
        .layer(middleware::map_response(protect::page))
        .route("/assets/{hash}/{*file}", get(assets::asset))
}
