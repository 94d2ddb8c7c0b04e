//! People: added, listed, changed, removed, and given passwords.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::{Extension, Json as Answer};
use launcher_model::PersonName;
use launcher_model::role::{Role, Roles};
use launcher_store::{NewPerson, Person, PersonChange};
use secrecy::SecretString;

use super::views::{
    NewPersonView, PasswordBody, PasswordView, PersonBody, PersonChangeBody, PersonView,
};
use crate::App;
use crate::access::Caller;
use crate::auth::password;
use crate::auth::throttle::Throttle;
use crate::auth::{Principal, token::TokenText};
use crate::http::extract::{Json, Path};
use crate::http::page::Page;
use crate::http::problem::Problem;

/// The longest that somebody may be called, in characters.
const LONGEST: usize = 80;

/// Nobody keeps an answer that has a link in it.
const UNKEPT: [(HeaderName, &str); 1] = [(header::CACHE_CONTROL, "no-store")];

/// Lists the people, by name.
#[utoipa::path(get, path = "/people", tag = "people",
    responses((status = 200, body = Page<PersonView>), (status = "4XX", body = Problem)))]
pub(super) async fn list(State(app): State<App>) -> Result<Answer<Page<PersonView>>, Problem> {
    let people = app.store.people().await?.into_iter().map(PersonView::from);
    Ok(Answer(Page::whole(people.collect())))
}

/// Shows a person: anybody to an administrator, and oneself.
#[utoipa::path(get, path = "/people/{name}", tag = "people", params(("name" = String, Path)),
    responses((status = 200, body = PersonView), (status = "4XX", body = Problem)))]
pub(super) async fn show(
    State(app): State<App>,
    Path(name): Path<PersonName>,
) -> Result<Answer<PersonView>, Problem> {
    Ok(Answer(one(&app, &name).await?.into()))
}

/// Adds a person. Without a password the answer has a link by which they set one.
#[utoipa::path(post, path = "/people", tag = "people", request_body = PersonBody,
    responses((status = 201, body = NewPersonView), (status = "4XX", body = Problem)))]
pub(super) async fn add(
    State(app): State<App>,
    principal: Principal,
    Json(body): Json<PersonBody>,
) -> Result<(StatusCode, [(HeaderName, &'static str); 1], Answer<NewPersonView>), Problem> {
    let added = added(&app, body, &principal.name).await?;
    Ok((StatusCode::CREATED, UNKEPT, Answer(added)))
}

/// Adds a person.
///
/// # Errors
/// When there is one of that name, or it makes no sense.
pub(crate) async fn added(app: &App, body: PersonBody, by: &str) -> Result<NewPersonView, Problem> {
    let PersonBody { name, display_name, role, services, password } = body;
    let roles = checked(Roles { role, services })?;
    let display_name = display_name.as_deref().map(called).transpose()?.flatten();
    let hash = match password {
        Some(password) => Some(hashed(password, &name).await?),
        None => None,
    };
    let new = NewPerson { name: name.clone(), display_name, roles };
    let added = app.store.add_person(new, by, app.now()).await;
    let mut person = added.map_err(|error| match error {
        launcher_store::Error::Exists { what, name } => Problem::refused(format!(
            "there is a {what} {name} already, and what is done by them bears that name; choose another one"
        )),
        error => error.into(),
    })?;
    let link = match hash {
        Some(hash) => {
            app.store.set_password(&name, &hash, by, app.now()).await?;
            person = one(app, &name).await?;
            None
        }
        None => Some(address_of(app, &app.person_link(&name).await?)),
    };
    Ok(NewPersonView { person: person.into(), link })
}

/// Changes a person. Who may not sign in any more is signed out at once, and so is nobody whose roles change:
/// those hold from the next call on.
#[utoipa::path(put, path = "/people/{name}", tag = "people", params(("name" = String, Path)),
    request_body = PersonChangeBody,
    responses((status = 200, body = PersonView), (status = "4XX", body = Problem)))]
pub(super) async fn set(
    State(app): State<App>,
    principal: Principal,
    Path(name): Path<PersonName>,
    Json(body): Json<PersonChangeBody>,
) -> Result<Answer<PersonView>, Problem> {
    changed(&app, &name, body, &principal.name).await.map(Answer)
}

/// Changes a person.
///
/// # Errors
/// When there is none of that name, it makes no sense, or nobody would be left to administrate.
pub(crate) async fn changed(
    app: &App,
    name: &PersonName,
    body: PersonChangeBody,
    by: &str,
) -> Result<PersonView, Problem> {
    let before = one(app, name).await?;
    let roles = Roles {
        role: body.role.unwrap_or(before.roles.role),
        services: body.services.unwrap_or(before.roles.services),
    };
    let change = PersonChange {
        display_name: body.display_name.as_deref().map(called).transpose()?,
        roles: Some(checked(roles)?),
        disabled: body.disabled,
        forget_openid: body.forget_openid,
    };
    let person = app.store.change_person(name, change, by, app.now()).await?;
    Ok(person.into())
}

/// Removes a person, and ends their sessions.
#[utoipa::path(delete, path = "/people/{name}", tag = "people", params(("name" = String, Path)),
    responses((status = 204), (status = "4XX", body = Problem)))]
pub(super) async fn remove(
    State(app): State<App>,
    principal: Principal,
    Path(name): Path<PersonName>,
) -> Result<StatusCode, Problem> {
    removed(&app, &name, &principal.name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes a person.
///
/// # Errors
/// When there is none of that name, or nobody would be left to administrate.
pub(crate) async fn removed(app: &App, name: &PersonName, by: &str) -> Result<(), Problem> {
    if app.store.remove_person(name, by, app.now()).await? { Ok(()) } else { Err(nobody(name)) }
}

/// Gives a person another password, which ends all their sessions; or makes a link by which they set one
/// themselves. An administrator does it for others; one's own is changed with the password so far.
#[utoipa::path(post, path = "/people/{name}/password", tag = "people", params(("name" = String, Path)),
    request_body = PasswordBody,
    responses((status = 200, body = PasswordView), (status = "4XX", body = Problem)))]
pub(super) async fn set_password(
    State(app): State<App>,
    Extension(throttle): Extension<Arc<Throttle>>,
    principal: Principal,
    caller: Caller,
    Path(name): Path<PersonName>,
    Json(body): Json<PasswordBody>,
) -> Result<([(HeaderName, &'static str); 1], Answer<PasswordView>), Problem> {
    let view = password_set(&app, &throttle, &principal, &caller, &name, body).await?;
    Ok((UNKEPT, Answer(view)))
}

/// Gives a person another password, or makes a link by which they do.
///
/// # Errors
/// When there is none of that name, the password so far is asked for and is another one, or the new one is none.
pub(crate) async fn password_set(
    app: &App,
    throttle: &Throttle,
    principal: &Principal,
    caller: &Caller,
    name: &PersonName,
    body: PasswordBody,
) -> Result<PasswordView, Problem> {
    one(app, name).await?;
    let is_admin = principal.roles.include(Role::Admin);
    let Some(password) = body.password else {
        if !is_admin {
            return Err(Problem::invalid("password: say the new one, and current, the one so far"));
        }
        let link = app.person_link(name).await?;
        return Ok(PasswordView { link: Some(address_of(app, &link)) });
    };
    // Also an administrator's: a session that somebody left open must not become theirs for good.
    let own = principal.is_person() && principal.name == name.as_str();
    if own || !is_admin {
        must_know(app, throttle, caller, name, body.current).await?;
    }
    let hash = hashed(password, name).await?;
    app.store.set_password(name, &hash, &principal.name, app.now()).await?;
    Ok(PasswordView { link: None })
}

/// Refuses who does not know the password so far: a session that was left open is not enough.
async fn must_know(
    app: &App,
    throttle: &Throttle,
    caller: &Caller,
    name: &PersonName,
    current: Option<SecretString>,
) -> Result<(), Problem> {
    let Some(current) = current else {
        return Err(Problem::invalid("current: say the password so far"));
    };
    let attempt = throttle.attempt(caller.address, Some(name.as_str()), app.now());
    let attempt =
        attempt.ok_or_else(|| Problem::refused("too many wrong passwords; wait a minute"))?;
    let kept = app.store.password(name).await?;
    if !password::compare(current, kept).await?.fits {
        return Err(Problem::forbidden("current is not the password so far"));
    }
    attempt.succeeded();
    Ok(())
}

async fn one(app: &App, name: &PersonName) -> Result<Person, Problem> {
    app.store.person(name).await?.ok_or_else(|| nobody(name))
}

fn nobody(name: &PersonName) -> Problem {
    Problem::missing(format!(
        "there is nobody called {name}; `launcher person list` lists the people"
    ))
}

fn checked(roles: Roles) -> Result<Roles, Problem> {
    if roles.role == Role::Agent {
        return Err(Problem::invalid(
            "the role agent is for tokens; a person's is admin, deployer, viewer or none",
        ));
    }
    roles.checked().map_err(|error| Problem::invalid(error.to_string()))
}

/// What somebody is called; nothing when that is nothing.
fn called(text: &str) -> Result<Option<String>, Problem> {
    let text = text.trim().to_owned();
    if text.chars().count() > LONGEST || text.chars().any(char::is_control) {
        return Err(Problem::invalid(format!(
            "display_name has at most {LONGEST} visible characters"
        )));
    }
    Ok(Some(text).filter(|text| !text.is_empty()))
}

async fn hashed(password: SecretString, name: &PersonName) -> Result<SecretString, Problem> {
    password::check(&password, name.as_str()).map_err(Problem::invalid)?;
    password::hash(password).await
}

/// Where a link leads: a whole address where the server knows its own.
fn address_of(app: &App, link: &TokenText) -> String {
    app.settings.page_url(&format!("/login/{}", link.expose()))
}
