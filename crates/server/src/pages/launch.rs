//! Launching a version of an image.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use launcher_model::{ServiceName, VersionNumber};
use launcher_store::{IdempotencyClaim, Made};
use serde::Deserialize;

use super::acts::sentence;
use super::flash::Flash;
use super::forms::{Carries, Signed};
use super::layout::{Frame, Page, render, render_once};
use super::service::known;
use super::settings::to;
use super::visitor::Visitor;
use crate::App;
use crate::access::Note;
use crate::api::versions::launched;
use crate::api::views::LaunchBody;
use crate::auth::token::TokenText;
use crate::http::idempotency::Call;
use crate::http::problem::Problem;

/// What the form carries.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct LaunchForm {
    form_secret: String,
    /// The same for each press of a form: pressed twice, it launches one version.
    key: String,
    #[serde(default)]
    image: String,
    #[serde(default)]
    branch: String,
    #[serde(default)]
    commit: String,
    #[serde(default)]
    subject: String,
    #[serde(default)]
    author: String,
}

impl Carries for LaunchForm {
    fn form_secret(&self) -> &str {
        &self.form_secret
    }
}

#[derive(Template)]
#[template(path = "launch.html")]
struct LaunchPage {
    frame: Frame,
    name: ServiceName,
    /// Where its images are, which a tag is enough for then.
    repository: Option<String>,
    form: LaunchForm,
    fault: Option<String>,
}

impl LaunchPage {
    async fn new(
        app: &App,
        name: &ServiceName,
        form: LaunchForm,
        visitor: &Visitor,
        headers: &HeaderMap,
    ) -> Result<Self, Problem> {
        let service = app.store.service(name).await?;
        let service =
            service.ok_or_else(|| Problem::missing(format!("There is no service {name}.")))?;
        let repository = service.spec.service.image;
        let frame = Frame::still(visitor, headers);
        Ok(Self { frame, name: name.clone(), repository, form, fault: None })
    }
}

pub(super) async fn page(
    State(app): State<App>,
    visitor: Visitor,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Page {
    let name = known(&name)?;
    let form = LaunchForm {
        form_secret: visitor.form_secret(),
        key: fresh(),
        image: String::new(),
        branch: String::new(),
        commit: String::new(),
        subject: String::new(),
        author: String::new(),
    };
    let page = LaunchPage::new(&app, &name, form, &visitor, &headers).await?;
    Ok(render_once(&app, page.frame.flash.is_some(), &page))
}

fn fresh() -> String {
    TokenText::random().hash()[..12].iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) async fn press(
    State(app): State<App>,
    Path(name): Path<String>,
    note: Note,
    headers: HeaderMap,
    Signed(visitor, form): Signed<LaunchForm>,
) -> Page {
    let name = known(&name)?;
    // The work goes on when the browser goes away.
    let (its_app, its_name, its_form) = (app.clone(), name.clone(), form.clone());
    let by = visitor.name.clone();
    let work = tokio::spawn(async move { once(&its_app, &its_name, its_form, &by).await });
    let done = work.await.map_err(|_| Problem::later("the server is stopping; try again"));
    match done.and_then(|done| done) {
        Ok(number) => {
            note.version(number);
            let text =
                format!("{number} is being launched. Once it is ready, it can go live here.");
            Ok(to(&app, &format!("/services/{name}"), &Flash::done(text)))
        }
        Err(problem) => {
            note.refused();
            let form = LaunchForm { key: fresh(), ..form };
            let page = LaunchPage::new(&app, &name, form, &visitor, &headers).await?;
            let page = LaunchPage { fault: Some(sentence(problem.detail())), ..page };
            Ok((problem.status(), render(&page)).into_response())
        }
    }
}

/// Launches it, once for each form.
async fn once(
    app: &App,
    service: &ServiceName,
    form: LaunchForm,
    by: &str,
) -> Result<VersionNumber, Problem> {
    let LaunchForm { key, image, branch, commit, subject, author, .. } = form;
    let key = format!("{by}\nlaunch {key}");
    let given = [service.as_str(), &image, &branch, &commit, &subject, &author].map(str::as_bytes);
    let fingerprint = app.vault.fingerprint(given);
    let made = match app.store.claim_key(&key, &fingerprint, app.now()).await? {
        IdempotencyClaim::Claimed => None,
        IdempotencyClaim::Made(made @ Made::Version(_)) => Some(made),
        IdempotencyClaim::InProgress => {
            return Err(Problem::refused(
                "it is being launched already, by the same form; the page of the service shows it",
            ));
        }
        _ => {
            return Err(Problem::refused(
                "this form has launched something else before; look at the service, and press again if you still mean it",
            ));
        }
    };
    let given = |text: String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let body = LaunchBody {
        image: given(image),
        commit: given(commit),
        branch: given(branch),
        subject: given(subject),
        author: given(author),
    };
    let call = Call { key: Some(key.clone()), made };
    let launched = launched(app, service, body, call, by).await;
    app.store.release_key(&key).await?;
    launched
}
