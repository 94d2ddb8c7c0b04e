//! A service's settings: shown to whoever sees it, and changed by its deployers.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use launcher_model::role::Role;
use launcher_model::service::write;
use launcher_store::Service;

use super::editor::{Editor, EditorForm, Told, ToldPart, asks_for_part};
use super::flash::Flash;
use super::forms::Signed;
use super::layout::{Frame, Page, render, render_once};
use super::secrets::{self, SecretLine};
use super::service::known;
use super::visitor::Visitor;
use crate::App;
use crate::access::Note;
use crate::api::services::{How, settle};
use crate::api::views::PutWord;
use crate::http::problem::Problem;
use crate::words::count;

#[derive(Template)]
#[template(path = "settings.html")]
struct SettingsPage {
    frame: Frame,
    form_secret: String,
    name: String,
    /// Whoever looks may change them.
    may_deploy: bool,
    editor: Editor,
    /// With all that was not said filled in.
    whole: String,
    /// Its image is built of its source, which brings a file of its own along.
    is_built: bool,
    /// The secrets that its containers are given, by variable.
    secrets: Vec<(String, SecretLine)>,
    /// Whoever looks may set them.
    is_admin: bool,
    /// Whoever looks may know when they were set.
    sees_all: bool,
}

impl SettingsPage {
    async fn new(
        app: &App,
        service: &Service,
        editor: Editor,
        visitor: &Visitor,
        headers: &HeaderMap,
    ) -> Result<Self, Problem> {
        let (name, roles) = (&service.spec.service.name, &visitor.principal.roles);
        Ok(Self {
            frame: Frame::still(visitor, headers),
            form_secret: visitor.form_secret(),
            name: name.to_string(),
            may_deploy: roles.include_on(Role::Deployer, name),
            editor,
            whole: write(&service.spec),
            is_built: service.spec.service.build.is_some(),
            secrets: secrets::of_service(app, visitor, &service.spec.secrets).await?,
            is_admin: roles.include(Role::Admin),
            sees_all: roles.include(Role::Viewer),
        })
    }
}

async fn found(app: &App, name: &str) -> Result<Service, super::error::PageError> {
    let name = known(name)?;
    let service = app.store.service(&name).await?;
    Ok(service.ok_or_else(|| Problem::missing(format!("There is no service {name}.")))?)
}

pub(super) async fn page(
    State(app): State<App>,
    visitor: Visitor,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Page {
    let service = found(&app, &name).await?;
    let editor = Editor::of(&app, &service, None).await?;
    let page = SettingsPage::new(&app, &service, editor, &visitor, &headers).await?;
    Ok(render_once(&app, page.frame.flash.is_some(), &page))
}

/// What a text would change: asked by the page while one writes it, or by a press.
pub(super) async fn check(
    State(app): State<App>,
    Path(name): Path<String>,
    headers: HeaderMap,
    Signed(visitor, form): Signed<EditorForm>,
) -> Page {
    let service = found(&app, &name).await?;
    let editor = Editor::of(&app, &service, Some(&form)).await?;
    if asks_for_part(&headers) {
        return Ok(render(&ToldPart { editor }));
    }
    Ok(render(&SettingsPage::new(&app, &service, editor, &visitor, &headers).await?))
}

/// Saves a text, when it was shown what it changes.
pub(super) async fn press(
    State(app): State<App>,
    Path(name): Path<String>,
    note: Note,
    headers: HeaderMap,
    Signed(visitor, form): Signed<EditorForm>,
) -> Page {
    let service = found(&app, &name).await?;
    let editor = Editor::of(&app, &service, Some(&form)).await?;
    let back = editor.path.clone();
    let shown = async |status: StatusCode, editor: Editor| -> Page {
        note.refused();
        let page = SettingsPage::new(&app, &service, editor, &visitor, &headers).await?;
        Ok((status, render(&page)).into_response())
    };
    let spec = match &editor.told {
        Told::Same => return Ok(to(&app, &back, &unchanged(&service))),
        Told::Fault(_) => return shown(StatusCode::UNPROCESSABLE_ENTITY, editor).await,
        Told::Changes(changes) => changes.spec.clone(),
    };
    // What was written since is shown before it is saved.
    let Some(seen) = form.agreed(&editor) else { return shown(StatusCode::CONFLICT, editor).await };
    match settle(&app, &spec, How::Change(seen), &visitor.name).await {
        Ok(put) if put.outcome == PutWord::Unchanged => Ok(to(&app, &back, &unchanged(&service))),
        Ok(put) => {
            let changed = count(put.changes.len(), "setting of", "settings of");
            let text = format!(
                "{changed} {} changed; what containers are made with holds from the next version on.",
                spec.service.name
            );
            Ok(to(&app, &back, &Flash::done(text)))
        }
        Err(problem) => shown(problem.status(), editor.refused(&problem)).await,
    }
}

fn unchanged(service: &Service) -> Flash {
    Flash::done(format!(
        "The settings of {} are these already; nothing was changed.",
        service.spec.service.name
    ))
}

/// Leads to a page that says what became of a press.
pub(super) fn to(app: &App, page: &str, flash: &Flash) -> Response {
    let headers = [(header::SET_COOKIE, flash.cookie(&app.settings))];
    (headers, Redirect::to(page)).into_response()
}
