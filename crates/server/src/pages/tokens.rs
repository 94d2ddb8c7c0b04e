//! Tokens: created, their text shown once, and revoked.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use launcher_model::role::{Role, Roles};
use serde::Deserialize;

use super::acts::sentence;
use super::flash::Flash;
use super::forms::{ButtonForm, Carries, Signed};
use super::layout::{Frame, Page, render, render_once};
use super::once::OncePage;
use super::roles::{RolesField, Said, on_services};
use super::settings::to;
use super::visitor::Visitor;
use crate::App;
use crate::access::Note;
use crate::api::tokens::{created, revoked};
use crate::api::views::{NewTokenView, TokenBody};
use crate::http::problem::Problem;

#[derive(Template)]
#[template(path = "new_token.html")]
struct NewToken {
    frame: Frame,
    form_secret: String,
    name: String,
    roles: RolesField,
    fault: Option<String>,
}

/// What the form carries.
#[derive(Debug, Deserialize)]
pub(super) struct TokenForm {
    form_secret: String,
    #[serde(default)]
    name: String,
    role: Role,
    #[serde(flatten)]
    said: Said,
}

impl Carries for TokenForm {
    fn form_secret(&self) -> &str {
        &self.form_secret
    }
}

pub(super) async fn page(State(app): State<App>, visitor: Visitor, headers: HeaderMap) -> Page {
    let page = NewToken {
        frame: Frame::still(&visitor, &headers).at("people"),
        form_secret: visitor.form_secret(),
        name: String::new(),
        roles: RolesField::of(&app, &Roles::everywhere(Role::Deployer), true).await?,
        fault: None,
    };
    Ok(render_once(&app, page.frame.flash.is_some(), &page))
}

/// Creates a token, and shows its text.
pub(super) async fn create(
    State(app): State<App>,
    note: Note,
    headers: HeaderMap,
    Signed(visitor, form): Signed<TokenForm>,
) -> Page {
    let problem = match create_one(&app, &form, &visitor.name).await {
        Ok(new) => {
            let page = OncePage::token(&new.name, &new.token, &visitor, &headers);
            return Ok((StatusCode::CREATED, render(&page)).into_response());
        }
        Err(problem) => problem,
    };
    note.refused();
    let services = on_services(&form.said).unwrap_or_default();
    let page = NewToken {
        frame: Frame::still(&visitor, &headers).at("people"),
        form_secret: visitor.form_secret(),
        roles: RolesField::of(&app, &Roles { role: form.role, services }, true).await?,
        name: form.name,
        fault: Some(sentence(problem.detail())),
    };
    Ok((problem.status(), render(&page)).into_response())
}

async fn create_one(app: &App, form: &TokenForm, by: &str) -> Result<NewTokenView, Problem> {
    let services = on_services(&form.said)?;
    created(app, TokenBody { name: form.name.clone(), role: form.role, services }, by).await
}

/// Makes a token invalid.
pub(super) async fn revoke(
    State(app): State<App>,
    Path(name): Path<String>,
    note: Note,
    Signed(visitor, _): Signed<ButtonForm>,
) -> Page {
    let flash = match revoked(&app, &name, &visitor.name).await {
        Ok(()) => Flash::done(format!("The token {name} is not valid any more.")),
        Err(problem) => {
            note.refused();
            Flash::refused(sentence(problem.detail()))
        }
    };
    Ok(to(&app, "/people", &flash))
}
