//! Signing in by a provider of OpenID Connect: the way there, and the way back.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect};
use launcher_model::PersonName;
use launcher_model::role::{Role, Roles};
use launcher_openid::{Error, OpenId, Round, Settings, Somebody};
use launcher_store::{NewPerson, Owner, Person, PersonChange, Subject, Way};
use serde::Deserialize;

use super::acts::sentence;
use super::cookies;
use super::layout::Page;
use super::login::{self, Next, Refused, TOO_OFTEN, Tried};
use super::next::is_plain;
use crate::App;
use crate::access::{Caller, Note};
use crate::auth::session::Begun;
use crate::auth::throttle::Throttle;
use crate::http::problem::Problem;

/// Who has added somebody, or given them other roles.
const BY: &str = "openid";
/// So much is repeated of what a provider says, in characters.
const LONGEST: usize = 200;

/// Leads to the provider.
pub(super) async fn begin(State(app): State<App>, Query(Next { next }): Query<Next>) -> Page {
    let openid = provider(&app)?;
    let next = next.as_deref().filter(|next| is_plain(next)).unwrap_or("/");
    let round = Round::begin(next, app.now());
    match openid.address(&round).await {
        Ok(address) => {
            let cookie = kept(openid.settings(), &round.cookie(), Round::seconds());
            Ok(([(header::SET_COOKIE, cookie)], Redirect::to(address.as_str())).into_response())
        }
        Err(error) => {
            Ok(login::refused(&app, next, Tried::Nothing, &not_told(openid.settings(), &error)))
        }
    }
}

/// What a provider sends along when it leads a browser back (RFC 6749, 4.1.2, and RFC 9207).
#[derive(Deserialize)]
pub(super) struct Back {
    code: Option<String>,
    #[serde(default)]
    state: String,
    iss: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

/// Comes back from the provider.
pub(super) async fn end(
    State(app): State<App>,
    Extension(throttle): Extension<Arc<Throttle>>,
    caller: Caller,
    note: Note,
    headers: HeaderMap,
    Query(back): Query<Back>,
) -> Page {
    let openid = provider(&app)?;
    note.signs_in(None, Way::OpenId);
    let settings = openid.settings();
    let cookie = cookies::read(&headers, cookie_name(settings));
    let round = cookie.and_then(|cookie| Round::read(cookie, app.now()));
    let Some(round) = round.filter(|round| round.is_state(&back.state)) else {
        // Whatever this browser has begun goes on.
        return Ok(login::refused(&app, "", Tried::Nothing, &not_begun_here()));
    };
    let next = if is_plain(round.next()) { round.next() } else { "/" };
    let mut response =
        match signed_in(&app, openid, &throttle, &caller, &note, &round, back).await? {
            Ok(begun) => {
                note.session(begun.id);
                login::enter(&app, &headers, &begun, next).await?
            }
            Err(why) => login::refused(&app, next, Tried::Nothing, &why),
        };
    response.headers_mut().append(header::SET_COOKIE, kept(settings, "", 0));
    Ok(response)
}

type Outcome<T> = Result<Result<T, Refused>, Problem>;

async fn signed_in(
    app: &App,
    openid: &OpenId,
    throttle: &Throttle,
    caller: &Caller,
    note: &Note,
    round: &Round,
    back: Back,
) -> Outcome<Begun> {
    let settings = openid.settings();
    if back.iss.is_some_and(|iss| iss != settings.issuer) {
        return Ok(Err(not_begun_here()));
    }
    let code = match (back.error, back.code) {
        (None, Some(code)) => code,
        (error, _) => {
            let more = back.error_description.as_deref();
            return Ok(Err(turned_down(settings, error.as_deref(), more)));
        }
    };
    let Some(attempt) = throttle.attempt(caller.address, None, app.now()) else {
        return Ok(Err(TOO_OFTEN));
    };
    let somebody = match openid.redeem(code, round).await {
        Ok(somebody) => somebody,
        Err(error) => {
            if matches!(error, Error::Away { .. } | Error::Setting(_)) {
                // That is no guess.
                attempt.succeeded();
            }
            tracing::warn!(%error, "a sign-in by OpenID Connect has failed");
            return Ok(Err(not_told(settings, &error)));
        }
    };
    // Who it is was not guessed, whether they may come in or not.
    attempt.succeeded();
    let name = match admitted(app, settings, somebody, note).await? {
        Ok(name) => name,
        Err(why) => return Ok(Err(why)),
    };
    match app.begin_session(Owner::Person(name.clone()), caller).await {
        Ok(begun) => Ok(Ok(begun)),
        // They were sent away this very moment.
        Err(launcher_store::Error::NoSuch { .. }) => Ok(Err(sent_away(&name))),
        Err(error) => Err(error.into()),
    }
}

/// Who somebody is here, when they may come in: bound to what the provider calls them, and with the role that
/// their groups give.
async fn admitted(
    app: &App,
    settings: &Settings,
    somebody: Somebody,
    note: &Note,
) -> Outcome<PersonName> {
    let Somebody { issuer, subject, name, called, role } = somebody;
    let subject = Subject { issuer, subject };
    // Where groups give roles, who has none is nobody.
    let wanted = (!settings.roles.is_empty()).then_some(role);
    let known = app.store.person_of(&subject).await?;
    let is_bound = known.is_some();
    let (name, person) = match known {
        Some(person) => (person.name.clone(), Some(person)),
        None => match name {
            Ok(name) => {
                let person = app.store.person(&name).await?;
                (name, person)
            }
            Err(unnamed) => return Ok(Err(forbidden(sentence(&unnamed.to_string())))),
        },
    };
    if person.is_some() {
        note.signs_in(Some(name.as_str()), Way::OpenId);
    }
    if let Some(why) = refusal(settings, &name, person.as_ref(), is_bound, wanted) {
        return Ok(Err(why));
    }
    let role = wanted.flatten();
    let roles = match person {
        Some(person) => person.roles,
        None => {
            let roles = Roles::everywhere(role.unwrap_or(Role::None));
            let new = NewPerson { name: name.clone(), display_name: called, roles: roles.clone() };
            match app.store.add_person(new, BY, app.now()).await {
                Ok(_) => {}
                Err(launcher_store::Error::Exists { what, .. }) => {
                    return Ok(Err(taken(what, &name)));
                }
                Err(error) => return Err(error.into()),
            }
            note.signs_in(Some(name.as_str()), Way::OpenId);
            roles
        }
    };
    if !is_bound && !app.store.bind_person(&name, &subject, app.now()).await? {
        return Ok(Err(somebody_else(settings, &name)));
    }
    if let Some(role) = role.filter(|role| *role != roles.role) {
        let roles = Some(Roles { role, ..roles });
        let change = PersonChange { roles, ..PersonChange::default() };
        match app.store.change_person(&name, change, BY, app.now()).await {
            Ok(_) => {}
            Err(launcher_store::Error::LastAdmin(_)) => {
                return Ok(Err(last_admin(settings, &name, role)));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Ok(name))
}

/// Why somebody may not come in; `wanted` is the role that their groups give, where roles are given by groups.
fn refusal(
    settings: &Settings,
    name: &PersonName,
    person: Option<&Person>,
    is_bound: bool,
    wanted: Option<Option<Role>>,
) -> Option<Refused> {
    let provider = &settings.name;
    match person {
        Some(person) if !is_bound && person.openid.is_some() => {
            return Some(somebody_else(settings, name));
        }
        Some(person) if person.disabled => return Some(sent_away(name)),
        None if !settings.add_people => {
            return Some(forbidden(format!(
                "Nobody here is called {name}. An administrator adds you with launcher person add {name}."
            )));
        }
        _ => {}
    }
    (wanted == Some(None)).then(|| {
        forbidden(format!(
            "None of your groups at {provider} has a role here. Ask for one of them there, and sign in again."
        ))
    })
}

fn provider(app: &App) -> Result<&OpenId, Problem> {
    app.openid.as_deref().ok_or_else(|| {
        Problem::missing("nobody signs in by OpenID Connect here: config.toml has no [openid]")
    })
}

/// `__Host-`: nobody but this very host has set it.
fn cookie_name(settings: &Settings) -> &'static str {
    if settings.is_secure() { "__Host-launcher_openid" } else { "launcher_openid" }
}

fn kept(settings: &Settings, value: &str, seconds: i64) -> HeaderValue {
    cookies::with(settings.is_secure(), cookie_name(settings), value, seconds)
}

fn forbidden(why: String) -> Refused {
    Refused(StatusCode::FORBIDDEN, Cow::Owned(why))
}

fn not_begun_here() -> Refused {
    Refused(
        StatusCode::BAD_REQUEST,
        Cow::Borrowed(
            "This sign-in was not begun in this browser, is over already, or took more than ten minutes. Begin it again.",
        ),
    )
}

/// What somebody reads whom the provider does not let through.
fn turned_down(settings: &Settings, error: Option<&str>, more: Option<&str>) -> Refused {
    let name = &settings.name;
    let why = match error {
        Some("access_denied") => {
            format!("{name} says that you did not let it tell who you are, or may not use this.")
        }
        Some("temporarily_unavailable" | "server_error") => {
            format!("{name} cannot sign anybody in now. Try again in a while.")
        }
        error => {
            let error = error.unwrap_or("neither a code nor an error");
            let more = more.map(|more| format!(" ({more})")).unwrap_or_default();
            let told: String = format!("{error}{more}")
                .chars()
                .filter(|c| !c.is_control())
                .take(LONGEST)
                .collect();
            format!("{name} did not sign you in: {told}.")
        }
    };
    forbidden(why)
}

/// What somebody reads of whom the provider tells nothing that counts. What exactly is in the server's log.
fn not_told(settings: &Settings, error: &Error) -> Refused {
    let name = &settings.name;
    let (status, why) = match error {
        Error::Refused(_) => (
            StatusCode::UNAUTHORIZED,
            format!(
                "{name} does not take this sign-in any more: it was used, or took too long. Begin it again."
            ),
        ),
        Error::Untrue(_) => (
            StatusCode::UNAUTHORIZED,
            format!("What {name} says of you cannot be believed. The server's log says why."),
        ),
        Error::Away { .. } | Error::Setting(_) => (
            StatusCode::BAD_GATEWAY,
            format!(
                "{name} does not answer as it should. Try again in a while; the server's log says why."
            ),
        ),
    };
    Refused(status, Cow::Owned(why))
}

fn sent_away(name: &PersonName) -> Refused {
    forbidden(format!("{name} may not sign in here."))
}

fn somebody_else(settings: &Settings, name: &PersonName) -> Refused {
    let provider = &settings.name;
    forbidden(format!(
        "{name} is somebody else at {provider} than who signed in here first. When both are you, an administrator has that \
         forgotten with launcher person set {name} --forget-openid."
    ))
}

fn taken(what: &str, name: &PersonName) -> Refused {
    forbidden(format!(
        "There is a {what} called {name} already. An administrator finds another name for it."
    ))
}

fn last_admin(settings: &Settings, name: &PersonName, role: Role) -> Refused {
    let provider = &settings.name;
    forbidden(format!(
        "Your groups at {provider} make you a {role} now, and {name} is the last administrator here. Another one comes first."
    ))
}
