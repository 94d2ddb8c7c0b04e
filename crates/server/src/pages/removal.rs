//! Taking a service away from its users, and from here: offline by a deployment to nothing, or deleted with
//! everything that it has.

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use launcher_control::{DeployRequest, Target};
use launcher_model::{Generation, ServiceName};
use serde::Deserialize;

use super::acts::{PATIENCE, sentence};
use super::error::PageError;
use super::flash::Flash;
use super::forms::{Carries, Signed};
use super::layout::Page;
use super::service::known;
use super::settings::to;
use super::sure::{Question, Sure, page_of, view};
use super::view::deployment;
use super::view::service::ServiceView;
use super::visitor::Visitor;
use crate::App;
use crate::access::Note;
use crate::http::problem::Problem;
use crate::words::count;

/// What a form carries that takes a service away.
#[derive(Debug, Deserialize)]
pub(super) struct AwayForm {
    form_secret: String,
    /// Its name, as somebody has typed it.
    #[serde(default)]
    typed: String,
    /// The route's generation that the page showed.
    #[serde(default)]
    generation: Option<Generation>,
    /// Why, for the history.
    #[serde(default)]
    note: Option<String>,
}

impl Carries for AwayForm {
    fn form_secret(&self) -> &str {
        &self.form_secret
    }
}

/// The page before a service is deleted.
pub(super) async fn delete_page(
    State(app): State<App>,
    Path(name): Path<String>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Page {
    let name = known(&name)?;
    let service = view(&app, &visitor, &name).await?;
    Ok(deletion(&app, &service, &visitor, &headers, None).await?.shown(&app))
}

async fn deletion(
    app: &App,
    service: &ServiceView,
    visitor: &Visitor,
    headers: &HeaderMap,
    fault: Option<String>,
) -> Result<Sure, PageError> {
    let name = &service.name;
    let environments = app.store.environments(name, false).await?.len();
    let mut told = Vec::new();
    if let Some(deleting) = &service.deleting {
        told.push(format!("{name} is being deleted already, by {}.", deleting.by));
    }
    if !service.live.is_empty() {
        let live = service.live_told();
        told.push(format!(
            "It goes offline: its users get {live} no more, and what is in flight has {} to run out.",
            service.drain
        ));
    }
    let environments = count(environments, "environment", "environments");
    told.push(format!("Then {environments} of {name} are destroyed, with their containers, and its settings and its repository here are removed. That cannot be taken back."));
    told.push("What was launched, built and deployed stays on record, and so do images in registries and secrets.".to_owned());
    let question = Question {
        title: format!("Delete {name}?"),
        told,
        verb: format!("Delete {name} and all that it has"),
        action: format!("/services/{name}/delete"),
        command: format!("launcher delete {name}"),
        of: page_of(name),
    };
    let typed = Some(name.to_string());
    Ok(Sure { typed, fault, ..Sure::new(visitor, headers, question) })
}

/// Has a service deleted whose name was typed.
pub(super) async fn delete(
    State(app): State<App>,
    Path(name): Path<String>,
    note: Note,
    headers: HeaderMap,
    Signed(visitor, form): Signed<AwayForm>,
) -> Page {
    let name = known(&name)?;
    let problem = if form.typed.trim() == name.as_str() {
        match app.control.destroy_service(&name, &visitor.name).await {
            Ok(()) => {
                let text = format!(
                    "{name} is being deleted: it goes offline, and is gone once nothing is in flight and its containers are removed."
                );
                return Ok(to(&app, "/", &Flash::done(text)));
            }
            Err(error) => Problem::from(error),
        }
    } else {
        Problem::invalid(format!(
            "what you have typed is not the name of the service, which is {name}; nothing was done"
        ))
    };
    note.refused();
    let service = view(&app, &visitor, &name).await?;
    let fault = Some(sentence(problem.detail()));
    let page = deletion(&app, &service, &visitor, &headers, fault).await?.shown(&app);
    Ok((problem.status(), page).into_response())
}

/// The page before a service is taken offline.
pub(super) async fn offline_page(
    State(app): State<App>,
    Path(name): Path<String>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Page {
    let name = known(&name)?;
    let service = view(&app, &visitor, &name).await?;
    if service.live.is_empty() {
        let text = format!("Nothing of {name} is live: it is offline already.");
        return Ok(to(&app, &format!("/services/{name}"), &Flash::refused(text)));
    }
    let live = service.live_told();
    let question = Question {
        title: format!("Take {name} offline?"),
        told: vec![
            format!(
                "{live} of {name} is not live any more, and nothing else is: its users get 503 until somebody deploys a version again."
            ),
            format!(
                "What is in flight has {} to run out. Environments and previews stay, so that going back is one press.",
                service.drain
            ),
            format!("To show users a page meanwhile, close {name} for maintenance instead."),
        ],
        verb: format!("Take {name} offline"),
        action: format!("/services/{name}/offline"),
        command: format!("launcher offline {name}"),
        of: page_of(&name),
    };
    let page = Sure::new(&visitor, &headers, question)
        .with([("generation", service.generation.0.to_string())]);
    Ok(Sure { asks_why: true, ..page }.shown(&app))
}

/// Takes a service offline.
pub(super) async fn offline(
    State(app): State<App>,
    Path(name): Path<String>,
    note: Note,
    Signed(visitor, form): Signed<AwayForm>,
) -> Page {
    let name = known(&name)?;
    match begun(&app, &name, form, &visitor.name).await {
        Ok((path, flash)) => Ok(to(&app, &path, &flash)),
        Err(problem) => {
            note.refused();
            let flash = Flash::refused(sentence(problem.detail()));
            Ok(to(&app, &format!("/services/{name}"), &flash))
        }
    }
}

/// The page of the deployment that does it, and what became of it.
async fn begun(
    app: &App,
    name: &ServiceName,
    form: AwayForm,
    by: &str,
) -> Result<(String, Flash), Problem> {
    let request = DeployRequest {
        note: form.note.filter(|note| !note.trim().is_empty()),
        seen: form.generation,
        ..DeployRequest::new(name.clone(), Target::Offline, by)
    };
    let underway = app.control.begin_deploy(request).await?;
    let path = deployment::path(name, underway.id);
    let flash = match tokio::time::timeout(PATIENCE, underway.ended()).await {
        Ok(Ok(done)) if !done.changed => {
            Flash::done(format!("{name} is offline already; nothing was changed."))
        }
        Ok(Ok(_)) => Flash::done(format!("{name} is offline: nothing of it is live.")),
        Ok(Err(error)) => Flash::refused(sentence(Problem::from(error).detail())),
        Err(_elapsed) => Flash::done(format!(
            "{name} goes offline once every edge has acknowledged it. This page shows when."
        )),
    };
    Ok((path, flash))
}
