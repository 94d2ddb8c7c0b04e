//! Signing in, by a one-time link or a token, and out.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{ConnectInfo, FromRequestParts, Path, Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use launcher_model::role::Role;
use serde::Deserialize;

use super::cookies;
use super::error::PageError;
use super::forms::{Carries, Own, Signed};
use super::layout::{Frame, Page, render};
use super::throttle::Throttle;
use super::visitor::Visitor;
use crate::App;
use crate::auth::session::{self, SESSION_LIFE};
use crate::auth::token::TokenText;

/// Where one signs in.
pub(super) const PATH: &str = "/login";

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    frame: Frame,
    next: &'a str,
    fault: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "link.html")]
struct LinkPage {
    frame: Frame,
    fault: Option<&'static str>,
}

/// The address that a request comes from, where the server knows it.
pub(super) struct From(Option<IpAddr>);

impl<S: Sync> FromRequestParts<S> for From {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let info = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        Ok(Self(info.map(|ConnectInfo(address)| address.ip())))
    }
}

#[derive(Deserialize)]
pub(super) struct Next {
    next: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct TokenForm {
    token: String,
    #[serde(default)]
    next: String,
}

/// The link says it all.
#[derive(Deserialize)]
pub(super) struct LinkForm {}

#[derive(Deserialize)]
pub(super) struct LeaveForm {
    form_secret: String,
}

impl Carries for LeaveForm {
    fn form_secret(&self) -> &str {
        &self.form_secret
    }
}

/// The sign-in page that leads back to a page afterwards.
pub(super) fn path_from(page: &str) -> String {
    // Paths that the router knows need no escaping; of others the beginning is enough.
    if page == "/" || !is_plain(page) { PATH.to_owned() } else { format!("{PATH}?next={page}") }
}

/// A page of ours that one may be led to: a path and nothing else.
fn is_plain(path: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-');
    path.starts_with('/') && !path.starts_with("//") && path.bytes().all(plain)
}

pub(super) async fn page(
    State(app): State<App>,
    Query(Next { next }): Query<Next>,
    headers: HeaderMap,
) -> Page {
    if Visitor::of(&app, &headers).await?.is_some() {
        return Ok(Redirect::to("/").into_response());
    }
    let next = next.as_deref().unwrap_or_default();
    Ok(render(&LoginPage { frame: Frame::bare(), next, fault: None }))
}

pub(super) async fn with_token(
    State(app): State<App>,
    Extension(throttle): Extension<Arc<Throttle>>,
    From(address): From,
    Own(form): Own<TokenForm>,
) -> Page {
    let refuse = |status: StatusCode, why: &str| {
        let page = LoginPage { frame: Frame::bare(), next: &form.next, fault: Some(why) };
        Ok((status, render(&page)).into_response())
    };
    if throttle.is_shut(address, app.now()) {
        return refuse(StatusCode::TOO_MANY_REQUESTS, TOO_OFTEN);
    }
    let token = match TokenText::read(form.token.trim()) {
        Some(text) => app.store.token_by_hash(&text.hash()).await?,
        None => None,
    };
    match token {
        Some(token) if token.role != Role::Admin => {
            refuse(StatusCode::FORBIDDEN, "This token is for programs: it cannot sign in here.")
        }
        Some(token) => {
            let next = if is_plain(&form.next) { form.next.as_str() } else { "/" };
            let cookie = app.begin_session(&token.name).await?;
            Ok(enter(&app, &cookie, next))
        }
        None => {
            throttle.failed(address, app.now());
            refuse(StatusCode::UNAUTHORIZED, "This token is not valid, or was revoked.")
        }
    }
}

/// Only asks for a press: programs that look at the links in a message must not use them up.
pub(super) async fn link_page() -> Response {
    render(&LinkPage { frame: Frame::bare(), fault: None })
}

pub(super) async fn with_link(
    State(app): State<App>,
    Extension(throttle): Extension<Arc<Throttle>>,
    From(address): From,
    Path(secret): Path<String>,
    Own(LinkForm {}): Own<LinkForm>,
) -> Page {
    let refuse = |status: StatusCode, why| {
        let page = LinkPage { frame: Frame::bare(), fault: Some(why) };
        Ok((status, render(&page)).into_response())
    };
    if throttle.is_shut(address, app.now()) {
        return refuse(StatusCode::TOO_MANY_REQUESTS, TOO_OFTEN);
    }
    let cookie = match TokenText::read(&secret) {
        Some(secret) => app.redeem_link(&secret).await?,
        None => None,
    };
    match cookie {
        Some(cookie) => Ok(enter(&app, &cookie, "/")),
        None => {
            throttle.failed(address, app.now());
            refuse(StatusCode::GONE, "This link was used already, or is too old.")
        }
    }
}

const TOO_OFTEN: &str = "Too many failed attempts from your address. Wait a minute.";

fn enter(app: &App, cookie: &TokenText, next: &str) -> Response {
    let seconds = SESSION_LIFE.as_secs();
    let cookie = cookies::set(&app.settings, session::COOKIE, cookie.expose(), seconds);
    ([(header::SET_COOKIE, cookie)], Redirect::to(next)).into_response()
}

pub(super) async fn logout(
    State(app): State<App>,
    Signed(visitor, _): Signed<LeaveForm>,
) -> Result<Response, PageError> {
    visitor.leave(&app).await?;
    let gone = cookies::set(&app.settings, session::COOKIE, "", 0);
    Ok(([(header::SET_COOKIE, gone)], Redirect::to(PATH)).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_led_back_to_pages_of_ours_only() {
        assert_eq!(path_from("/services/shop-2"), "/login?next=/services/shop-2");
        assert_eq!(path_from("/"), "/login");
        for foreign in
            ["//evil.example.com", "https://evil.example.com", "/\\evil", "/a?b", "a", "/%2f"]
        {
            assert_eq!(path_from(foreign), "/login", "{foreign}");
        }
    }
}
