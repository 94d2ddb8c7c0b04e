//! The web pages: what is live, what waits beside it, and the button between them.
//!
//! Everything works by links and forms alone. Where there is JavaScript, a page hears over
//! [`live`] that something has changed, fetches its part of itself again and lets htmx morph it in place.

mod acts;
mod assets;
mod cookies;
mod environment;
mod error;
mod flash;
mod forms;
mod home;
mod jump;
mod layout;
mod lists;
mod live;
mod login;
mod maintenance;
mod openid;
mod protect;
mod service;
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
        .route("/services/{service}/maintenance", post(maintenance::press))
        .route("/services/{service}/{act}", post(acts::act))
        .route("/services/{service}/versions/{version}", get(environment::page))
        .route("/services/{service}/versions/{version}/log.txt", get(environment::download))
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
