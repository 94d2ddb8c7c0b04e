//! A new service, from a text that says the least.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;

use super::editor::{Editor, EditorForm, Press, Told, ToldPart};
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
    let editor = Editor::of_new(&app, LEAST.to_owned()).await?;
    let page = NewService::new(editor, &visitor, &headers);
    Ok(render_once(&app, page.frame.flash.is_some(), &page))
}

/// What would come of a text, while one writes it.
pub(super) async fn check(State(app): State<App>, Signed(_, form): Signed<EditorForm>) -> Page {
    Ok(render(&ToldPart { editor: Editor::of_new(&app, form.text()).await? }))
}

/// Shows what comes of a text, or creates the service.
pub(super) async fn press(
    State(app): State<App>,
    note: Note,
    headers: HeaderMap,
    Signed(visitor, form): Signed<EditorForm>,
) -> Page {
    let editor = Editor::of_new(&app, form.text()).await?;
    let shown = |status: StatusCode, editor: Editor| -> Page {
        note.refused();
        Ok((status, render(&NewService::new(editor, &visitor, &headers))).into_response())
    };
    if form.press == Press::Look {
        return shown(StatusCode::OK, editor);
    }
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
