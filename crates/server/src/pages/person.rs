//! One person: added, given roles and a way in, removed; and one's own page, with one's password.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use launcher_model::PersonName;
use launcher_model::role::{Role, Roles};
use launcher_store::{Owner, Person};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::acts::sentence;
use super::error::PageError;
use super::flash::Flash;
use super::forms::{ButtonForm, Carries, Signed};
use super::layout::{Frame, Page, render, render_once};
use super::login::enter;
use super::once::OncePage;
use super::roles::{RolesField, Said, on_services};
use super::settings::to;
use super::view::ago::Ago;
use super::visitor::Visitor;
use crate::App;
use crate::access::{Caller, Note};
use crate::api::people::{added, changed, password_set, removed};
use crate::api::views::{PasswordBody, PersonBody, PersonChangeBody};
use crate::auth::password::SHORTEST;
use crate::auth::throttle::Throttle;
use crate::http::problem::Problem;

#[derive(Template)]
#[template(path = "new_person.html")]
struct NewPerson {
    frame: Frame,
    form_secret: String,
    name: String,
    display_name: String,
    roles: RolesField,
    fault: Option<String>,
}

#[derive(Template)]
#[template(path = "person.html")]
struct PersonPage {
    frame: Frame,
    form_secret: String,
    name: String,
    display_name: String,
    told: String,
    disabled: bool,
    seen: Option<Ago>,
    /// What an administrator may change.
    roles: Option<RolesField>,
    /// It is whoever looks.
    is_own: bool,
    shortest: usize,
    fault: Option<String>,
}

/// What the form of a new person carries, or that which changes one.
#[derive(Debug, Deserialize)]
pub(super) struct PersonForm {
    form_secret: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    display_name: String,
    role: Role,
    /// They may not sign in.
    disabled: Option<String>,
    #[serde(flatten)]
    said: Said,
}

impl Carries for PersonForm {
    fn form_secret(&self) -> &str {
        &self.form_secret
    }
}

/// One's own new password.
#[derive(Deserialize)]
pub(super) struct PasswordForm {
    form_secret: String,
    #[serde(default)]
    current: SecretString,
    #[serde(default)]
    password: SecretString,
    #[serde(default)]
    again: SecretString,
}

impl Carries for PasswordForm {
    fn form_secret(&self) -> &str {
        &self.form_secret
    }
}

pub(super) async fn new_page(State(app): State<App>, visitor: Visitor, headers: HeaderMap) -> Page {
    let page = NewPerson {
        frame: Frame::still(&visitor, &headers).at("people"),
        form_secret: visitor.form_secret(),
        name: String::new(),
        display_name: String::new(),
        roles: RolesField::of(&app, &Roles::everywhere(Role::Deployer), false).await?,
        fault: None,
    };
    Ok(render_once(&app, page.frame.flash.is_some(), &page))
}

/// Adds a person, and shows the link by which they come in.
pub(super) async fn add(
    State(app): State<App>,
    note: Note,
    headers: HeaderMap,
    Signed(visitor, form): Signed<PersonForm>,
) -> Page {
    let problem = match add_one(&app, &form, &visitor.name).await {
        Ok((name, link)) => {
            let page = OncePage::link(&name, &link, &visitor, &headers);
            return Ok((StatusCode::CREATED, render(&page)).into_response());
        }
        Err(problem) => problem,
    };
    note.refused();
    let services = on_services(&form.said).unwrap_or_default();
    let page = NewPerson {
        frame: Frame::still(&visitor, &headers).at("people"),
        form_secret: visitor.form_secret(),
        roles: RolesField::of(&app, &Roles { role: form.role, services }, false).await?,
        name: form.name,
        display_name: form.display_name,
        fault: Some(sentence(problem.detail())),
    };
    Ok((problem.status(), render(&page)).into_response())
}

async fn add_one(app: &App, form: &PersonForm, by: &str) -> Result<(PersonName, String), Problem> {
    let name = PersonName::new(form.name.trim().to_lowercase());
    let name = name.map_err(|error| Problem::invalid(error.to_string()))?;
    let services = on_services(&form.said)?;
    let display_name = Some(form.display_name.clone());
    let body =
        PersonBody { name: name.clone(), display_name, role: form.role, services, password: None };
    let view = added(app, body, by).await?;
    Ok((name, view.link.unwrap_or_default()))
}

pub(super) async fn page(
    State(app): State<App>,
    visitor: Visitor,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Page {
    let page = PersonPage::of(&app, &found(&app, &name).await?, &visitor, &headers).await?;
    Ok(render_once(&app, page.frame.flash.is_some(), &page))
}

/// Changes what an administrator may change.
pub(super) async fn change(
    State(app): State<App>,
    Path(name): Path<String>,
    note: Note,
    headers: HeaderMap,
    Signed(visitor, form): Signed<PersonForm>,
) -> Page {
    let person = found(&app, &name).await?;
    match change_one(&app, &person, form, &visitor.name).await {
        Ok(text) => Ok(to(&app, &path(&person.name), &Flash::done(text))),
        Err(problem) => {
            note.refused();
            let page = PersonPage::of(&app, &person, &visitor, &headers).await?;
            let page = PersonPage { fault: Some(sentence(problem.detail())), ..page };
            Ok((problem.status(), render(&page)).into_response())
        }
    }
}

async fn change_one(
    app: &App,
    person: &Person,
    form: PersonForm,
    by: &str,
) -> Result<String, Problem> {
    let body = PersonChangeBody {
        display_name: Some(form.display_name),
        role: Some(form.role),
        services: Some(on_services(&form.said)?),
        disabled: Some(form.disabled.is_some()),
        forget_openid: false,
    };
    let name = &person.name;
    let now = changed(app, name, body, by).await?;
    let roles = Roles { role: now.role, services: now.services }.in_words();
    Ok(match now.disabled {
        true => format!("{name} may not sign in any more. Their roles: {roles}."),
        false => format!("{name} may sign in, as {roles}."),
    })
}

/// Shows a link by which a person sets a password.
pub(super) async fn link(
    State(app): State<App>,
    Extension(throttle): Extension<Arc<Throttle>>,
    caller: Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    Signed(visitor, _): Signed<ButtonForm>,
) -> Page {
    let name = found(&app, &name).await?.name;
    let body = PasswordBody { password: None, current: None };
    let set = password_set(&app, &throttle, &visitor.principal, &caller, &name, body).await?;
    Ok(render(&OncePage::link(&name, &set.link.unwrap_or_default(), &visitor, &headers)))
}

pub(super) async fn remove(
    State(app): State<App>,
    Path(name): Path<String>,
    note: Note,
    Signed(visitor, _): Signed<ButtonForm>,
) -> Page {
    let name = known(&name)?;
    let flash = match removed(&app, &name, &visitor.name).await {
        Ok(()) => Flash::done(format!("{name} is removed, and signed out everywhere.")),
        Err(problem) => {
            note.refused();
            Flash::refused(sentence(problem.detail()))
        }
    };
    Ok(to(&app, "/people", &flash))
}

/// Changes one's own password. All sessions end with it, so a new one begins here.
pub(super) async fn password(
    State(app): State<App>,
    Extension(throttle): Extension<Arc<Throttle>>,
    caller: Caller,
    Path(name): Path<String>,
    note: Note,
    headers: HeaderMap,
    Signed(visitor, form): Signed<PasswordForm>,
) -> Page {
    let person = found(&app, &name).await?;
    if !is_own(&person.name, &visitor) {
        return Err(Problem::forbidden(
            "a password is set by whose it is; an administrator makes a link for others",
        )
        .into());
    }
    match set_own(&app, &throttle, &caller, &person.name, &visitor, form).await {
        Ok(()) => {
            let begun = app.begin_session(Owner::Person(person.name.clone()), &caller).await?;
            let mut response = enter(&app, &headers, &begun, &path(&person.name)).await?;
            let flash =
                Flash::done("Your password is changed; everywhere else you are signed out.");
            response.headers_mut().append(header::SET_COOKIE, flash.cookie(&app.settings));
            Ok(response)
        }
        Err(problem) => {
            note.refused();
            let page = PersonPage::of(&app, &person, &visitor, &headers).await?;
            let page = PersonPage { fault: Some(sentence(problem.detail())), ..page };
            Ok((problem.status(), render(&page)).into_response())
        }
    }
}

async fn set_own(
    app: &App,
    throttle: &Throttle,
    caller: &Caller,
    name: &PersonName,
    visitor: &Visitor,
    form: PasswordForm,
) -> Result<(), Problem> {
    if form.password.expose_secret() != form.again.expose_secret() {
        return Err(Problem::invalid("the two new passwords are not the same"));
    }
    let body = PasswordBody { password: Some(form.password), current: Some(form.current) };
    password_set(app, throttle, &visitor.principal, caller, name, body).await?;
    Ok(())
}

impl PersonPage {
    async fn of(
        app: &App,
        person: &Person,
        visitor: &Visitor,
        headers: &HeaderMap,
    ) -> Result<Self, Problem> {
        let now = app.now();
        let roles = match visitor.principal.roles.include(Role::Admin) {
            true => Some(RolesField::of(app, &person.roles, false).await?),
            false => None,
        };
        let frame = Frame::still(visitor, headers);
        Ok(Self {
            frame: if roles.is_some() { frame.at("people") } else { frame },
            form_secret: visitor.form_secret(),
            name: person.name.to_string(),
            display_name: person.display_name.clone().unwrap_or_default(),
            told: person.roles.in_words(),
            disabled: person.disabled,
            seen: person.last_seen.map(|seen| Ago::new(seen, now)),
            roles,
            is_own: is_own(&person.name, visitor),
            shortest: SHORTEST,
            fault: None,
        })
    }
}

fn is_own(name: &PersonName, visitor: &Visitor) -> bool {
    visitor.principal.is_person() && visitor.name == name.as_str()
}

fn path(name: &PersonName) -> String {
    format!("/people/{}", super::view::escaped(name.as_str()))
}

fn known(name: &str) -> Result<PersonName, PageError> {
    PersonName::new(name).map_err(|_| PageError::missing("There is nobody of this name."))
}

async fn found(app: &App, name: &str) -> Result<Person, PageError> {
    let name = known(name)?;
    let person = app.store.person(&name).await?;
    person.ok_or_else(|| PageError::missing(format!("There is nobody called {name}.")))
}
