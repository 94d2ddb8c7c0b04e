//! A new service, from a text that says the least.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use launcher_model::ServiceName;

use super::editor::{Editor, EditorForm, Told, ToldPart, asks_for_part};
use super::flash::Flash;
use super::forms::Signed;
use super::layout::{Frame, Page, render, render_once};
use super::settings::to;
use super::visitor::Visitor;
use crate::App;
use crate::access::Note;
use crate::api::services::{How, settle};

/// What is there to begin with.
const LEAST: &str = r#"[service]
name = "shop"
# Where its images are, without a tag.
image = "registry.example.com/shop"
# Where its users reach it.
hosts = ["shop.example.com"]
# Where a container serves HTTP.
port = 8080
replicas = 2

[health]
# Answers 200 to 399 once a container can serve.
path = "/"
"#;

/// The same with a name that no service has.
fn least(taken: &[ServiceName]) -> String {
    let is_free = |name: &String| taken.iter().all(|taken| taken.as_str() != name);
    let others = (2..).map(|number| format!("shop-{number}"));
    let mut names = std::iter::once("shop".to_owned()).chain(others);
    let name = names.find(is_free).unwrap_or_default();
    LEAST.replace("shop", &name)
}

#[derive(Template)]
#[template(path = "new_service.html")]
struct NewService {
    frame: Frame,
    form_secret: String,
    editor: Editor,
}

impl NewService {
    fn new(editor: Editor, visitor: &Visitor, headers: &HeaderMap) -> Self {
        let form_secret = visitor.form_secret();
        Self { frame: Frame::still(visitor, headers), form_secret, editor }
    }
}

pub(super) async fn page(State(app): State<App>, visitor: Visitor, headers: HeaderMap) -> Page {
    let taken = app.store.services().await?.into_iter().map(|taken| taken.spec.service.name);
    let editor = Editor::of_new(&app, least(&taken.collect::<Vec<_>>()), false).await?;
    let page = NewService::new(editor, &visitor, &headers);
    Ok(render_once(&app, page.frame.flash.is_some(), &page))
}

/// What would come of a text: asked by the page while one writes it, or by a press.
pub(super) async fn check(
    State(app): State<App>,
    headers: HeaderMap,
    Signed(visitor, form): Signed<EditorForm>,
) -> Page {
    let editor = Editor::of_new(&app, form.text(), true).await?;
    if asks_for_part(&headers) {
        return Ok(render(&ToldPart { editor }));
    }
    Ok(render(&NewService::new(editor, &visitor, &headers)))
}

/// Creates the service, when it was shown what it will be.
pub(super) async fn press(
    State(app): State<App>,
    note: Note,
    headers: HeaderMap,
    Signed(visitor, form): Signed<EditorForm>,
) -> Page {
    let editor = Editor::of_new(&app, form.text(), true).await?;
    let shown = |status: StatusCode, editor: Editor| -> Page {
        note.refused();
        Ok((status, render(&NewService::new(editor, &visitor, &headers))).into_response())
    };
    let spec = match &editor.told {
        Told::Fault(_) => return shown(StatusCode::UNPROCESSABLE_ENTITY, editor),
        // Pressed twice.
        Told::Same => launcher_model::service::read("launcher.toml", &editor.text).ok(),
        Told::Changes(changes) => Some(*changes.spec.clone()),
    };
    let Some(spec) = spec.filter(|_| form.agreed_anew(&editor)) else {
        return shown(StatusCode::CONFLICT, editor);
    };
    match settle(&app, &spec, How::Create, &visitor.name).await {
        Ok(_) => {
            let name = &spec.service.name;
            let text = format!("{name} is there, and has no version yet: launch its first one.");
            Ok(to(&app, &format!("/services/{name}/launch"), &Flash::done(text)))
        }
        Err(problem) => shown(problem.status(), editor.refused(&problem)),
    }
}
