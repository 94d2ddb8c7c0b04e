//! Signing in, by a name and a password, a token or a one-time link, and out.

use std::borrow::Cow;
use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use launcher_model::PersonName;
use launcher_model::role::Role;
use launcher_store::{Owner, Session, Way};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::cookies;
use super::error::PageError;
use super::forms::{ButtonForm, Own, Signed};
use super::layout::{Frame, Page, render};
use super::next::{is_plain, leading_to};
use super::visitor::cookie;
use crate::App;
use crate::access::{Caller, Note};
use crate::auth::password;
use crate::auth::session::{self, Begun, SESSION_LIFE};
use crate::auth::throttle::Throttle;
use crate::auth::token::TokenText;
use crate::http::problem::Problem;

/// Where one signs in.
pub(super) const PATH: &str = "/login";

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    frame: Frame,
    next: &'a str,
    name: &'a str,
    /// It was tried with a token.
    with_token: bool,
    fault: Option<&'a str>,
    provider: Option<Provider<'a>>,
}

/// By whom one may sign in, and where that begins.
struct Provider<'a> {
    name: &'a str,
    start: String,
}

#[derive(Template)]
#[template(path = "link.html")]
struct LinkPage<'a> {
    frame: Frame,
    fault: Option<&'a str>,
    /// The person whose link it is, who sets a password by it.
    person: Option<&'a str>,
    /// It can still be used.
    usable: bool,
    shortest: usize,
}

#[derive(Deserialize)]
pub(super) struct Next {
    pub(super) next: Option<String>,
}

/// A name and a password, or a token.
#[derive(Deserialize)]
pub(super) struct SignInForm {
    #[serde(default)]
    name: String,
    #[serde(default)]
    password: SecretString,
    #[serde(default)]
    token: SecretString,
    #[serde(default)]
    next: String,
}

/// The link says it all, but for the password that a person sets.
#[derive(Deserialize)]
pub(super) struct LinkForm {
    #[serde(default)]
    password: SecretString,
    #[serde(default)]
    again: SecretString,
}

pub(super) async fn page(
    State(app): State<App>,
    Query(Next { next }): Query<Next>,
    headers: HeaderMap,
) -> Page {
    let signed_in = match cookie(&headers) {
        Some(cookie) => app.session(&cookie).await?.is_some(),
        None => false,
    };
    if signed_in {
        return Ok(Redirect::to("/").into_response());
    }
    let next = next.as_deref().unwrap_or_default();
    Ok(shown(&app, next, Tried::Nothing, None))
}

/// What somebody tried to come in with.
#[derive(Clone, Copy)]
pub(super) enum Tried<'a> {
    Nothing,
    Name(&'a str),
    Token,
}

/// The sign-in page, which leads to a page of ours afterwards.
fn shown(app: &App, next: &str, tried: Tried<'_>, fault: Option<&str>) -> Response {
    let provider = app.openid.as_ref().map(|openid| {
        let settings = openid.settings();
        let mut start = settings.start();
        if !next.is_empty() && is_plain(next) {
            start = leading_to(&start, next);
        }
        Provider { name: &settings.name, start }
    });
    let name = if let Tried::Name(name) = tried { name } else { "" };
    let with_token = matches!(tried, Tried::Token);
    render(&LoginPage { frame: Frame::bare(), next, name, with_token, fault, provider })
}

/// The sign-in page, for who does not come in.
pub(super) fn refused(
    app: &App,
    next: &str,
    tried: Tried<'_>,
    Refused(status, why): &Refused,
) -> Response {
    (*status, shown(app, next, tried, Some(why))).into_response()
}

/// Why somebody does not come in.
#[derive(Debug)]
pub(super) struct Refused(pub(super) StatusCode, pub(super) Cow<'static, str>);

impl Refused {
    const fn new(status: StatusCode, why: &'static str) -> Self {
        Self(status, Cow::Borrowed(why))
    }
}

pub(super) const TOO_OFTEN: Refused = Refused::new(
    StatusCode::TOO_MANY_REQUESTS,
    "Too many failed attempts from your address or for this name. Wait a minute.",
);
/// The same whether there is no such person, they may not sign in, or it is another password.
const WRONG: Refused =
    Refused::new(StatusCode::UNAUTHORIZED, "This name and this password do not belong together.");
const NO_TOKEN: Refused =
    Refused::new(StatusCode::UNAUTHORIZED, "This token is not valid, or was revoked.");
const FOR_PROGRAMS: Refused =
    Refused::new(StatusCode::FORBIDDEN, "This token is for programs: it cannot sign in here.");
const OVER: Refused = Refused::new(StatusCode::GONE, "This link was used already, or is too old.");

pub(super) async fn sign_in(
    State(app): State<App>,
    Extension(throttle): Extension<Arc<Throttle>>,
    caller: Caller,
    note: Note,
    headers: HeaderMap,
    Own(form): Own<SignInForm>,
) -> Page {
    let (begun, tried) = if form.token.expose_secret().is_empty() && !form.name.is_empty() {
        let begun = with_password(&app, &throttle, &caller, &note, &form).await?;
        (begun, Tried::Name(form.name.trim()))
    } else {
        (with_token(&app, &throttle, &caller, &note, &form).await?, Tried::Token)
    };
    match begun {
        Ok(begun) => {
            note.session(begun.id);
            let next = if is_plain(&form.next) { form.next.as_str() } else { "/" };
            enter(&app, &headers, &begun, next).await
        }
        Err(why) => Ok(refused(&app, &form.next, tried, &why)),
    }
}

type Outcome = Result<Result<Begun, Refused>, Problem>;

async fn with_token(
    app: &App,
    throttle: &Throttle,
    caller: &Caller,
    note: &Note,
    form: &SignInForm,
) -> Outcome {
    note.signs_in(None, Way::Token);
    let Some(attempt) = throttle.attempt(caller.address, None, app.now()) else {
        return Ok(Err(TOO_OFTEN));
    };
    let token = match TokenText::read(form.token.expose_secret().trim()) {
        Some(text) => app.store.token_by_hash(&text.hash()).await?,
        None => None,
    };
    let Some(token) = token else { return Ok(Err(NO_TOKEN)) };
    attempt.succeeded();
    note.signs_in(Some(&token.name), Way::Token);
    if token.roles.role != Role::Admin {
        return Ok(Err(FOR_PROGRAMS));
    }
    Ok(Ok(app.begin_session(Owner::Token(token.name), caller).await?))
}

async fn with_password(
    app: &App,
    throttle: &Throttle,
    caller: &Caller,
    note: &Note,
    form: &SignInForm,
) -> Outcome {
    note.signs_in(None, Way::Password);
    let given = form.name.trim().to_lowercase();
    let name = PersonName::new(given.clone()).ok();
    // What is no name may be a password that was typed into the wrong field: it is not written down.
    let known = match &name {
        Some(name) => app.store.person(name).await?.is_some(),
        None => false,
    };
    note.signs_in(Some(given.as_str()).filter(|_| known), Way::Password);
    let counted = name.as_ref().map(PersonName::as_str);
    let Some(attempt) = throttle.attempt(caller.address, counted, app.now()) else {
        return Ok(Err(TOO_OFTEN));
    };
    let kept = match &name {
        Some(name) => app.store.password(name).await?,
        None => None,
    };
    let compared = password::compare(form.password.clone(), kept.clone()).await?;
    let (Some(name), Some(kept), true) = (name, kept, compared.fits) else {
        return Ok(Err(WRONG));
    };
    attempt.succeeded();
    if compared.outdated {
        let newer = password::hash(form.password.clone()).await?;
        app.store.rehash_password(&name, &kept, &newer).await?;
    }
    match app.begin_session(Owner::Person(name), caller).await {
        Ok(begun) => Ok(Ok(begun)),
        // They were sent away this very moment.
        Err(launcher_store::Error::NoSuch { .. }) => Ok(Err(WRONG)),
        Err(error) => Err(error.into()),
    }
}

/// Only asks for a press: programs that look at the links in a message must not use them up.
pub(super) async fn link_page(State(app): State<App>, Path(secret): Path<String>) -> Page {
    let link = link(&app, &secret).await?;
    Ok(link_shown(link.as_ref(), None, true))
}

async fn link(app: &App, secret: &str) -> Result<Option<Session>, Problem> {
    match TokenText::read(secret) {
        Some(secret) => Ok(app.store.link(&secret.hash(), app.now()).await?),
        None => Ok(None),
    }
}

fn link_shown(link: Option<&Session>, fault: Option<&str>, usable: bool) -> Response {
    let person = link.and_then(|link| match &link.owner {
        Owner::Person(name) => Some(name.as_str()),
        Owner::Token(_) => None,
    });
    let shortest = password::SHORTEST;
    render(&LinkPage { frame: Frame::bare(), fault, person, usable, shortest })
}

pub(super) async fn with_link(
    State(app): State<App>,
    Extension(throttle): Extension<Arc<Throttle>>,
    caller: Caller,
    note: Note,
    headers: HeaderMap,
    Path(secret): Path<String>,
    Own(form): Own<LinkForm>,
) -> Page {
    note.signs_in(None, Way::Link);
    let refuse = |Refused(status, why): Refused| {
        Ok((status, link_shown(None, Some(&why), false)).into_response())
    };
    let Some(attempt) = throttle.attempt(caller.address, None, app.now()) else {
        return refuse(TOO_OFTEN);
    };
    let Some(link) = link(&app, &secret).await? else { return refuse(OVER) };
    note.signs_in(Some(link.owner.name()), Way::Link);
    if let Owner::Person(name) = &link.owner
        && let Err(why) = checked(&form, name)
    {
        attempt.succeeded();
        let page = link_shown(Some(&link), Some(&why), true);
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    }
    let Some(begun) = redeemed(&app, &caller, &secret, form).await? else { return refuse(OVER) };
    attempt.succeeded();
    note.session(begun.id);
    enter(&app, &headers, &begun, "/").await
}

fn checked(form: &LinkForm, name: &PersonName) -> Result<(), String> {
    if form.password.expose_secret() != form.again.expose_secret() {
        return Err("The two passwords are not the same.".to_owned());
    }
    let fault = password::check(&form.password, name.as_str());
    fault.map_err(|why| super::acts::sentence(&why))
}

/// Uses a link up; a person's password is set before their session begins. None when another press was faster.
async fn redeemed(
    app: &App,
    caller: &Caller,
    secret: &str,
    form: LinkForm,
) -> Result<Option<Begun>, Problem> {
    let Some(secret) = TokenText::read(secret) else { return Ok(None) };
    let Some(link) = app.store.take_session(&secret.hash(), app.now()).await? else {
        return Ok(None);
    };
    if let Owner::Person(name) = &link.owner {
        let hash = password::hash(form.password).await?;
        app.store.set_password(name, &hash, name.as_str(), app.now()).await?;
    }
    Ok(Some(app.begin_session(link.owner, caller).await?))
}

/// Hands the cookie of a session out. One that the browser was in before ends.
pub(super) async fn enter(app: &App, headers: &HeaderMap, begun: &Begun, next: &str) -> Page {
    if let Some(before) = cookie(headers) {
        app.store.end_session(&before.hash()).await?;
    }
    let seconds = SESSION_LIFE.as_secs();
    let cookie = cookies::set(&app.settings, session::COOKIE, begun.cookie.expose(), seconds);
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(next)).into_response())
}

pub(super) async fn logout(
    State(app): State<App>,
    Signed(visitor, _): Signed<ButtonForm>,
) -> Result<Response, PageError> {
    visitor.leave(&app).await?;
    let gone = cookies::set(&app.settings, session::COOKIE, "", 0);
    Ok(([(header::SET_COOKIE, gone)], Redirect::to(PATH)).into_response())
}
