//! The page before a press that destroys something, or takes it away from those who use it: what will be
//! done, to which service and version, and the button that does it. Nothing is done before.

use askama::Template;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use launcher_model::{Generation, ServiceName, VersionNumber};

use super::acts::{Act, ActForm, sentence};
use super::error::PageError;
use super::flash::Flash;
use super::layout::{Frame, Page, render_once};
use super::service::known;
use super::settings::to;
use super::view::installation::Installation;
use super::view::service::ServiceView;
use super::visitor::Visitor;
use crate::App;
use crate::words::count;

/// What is asked, and what follows from it.
#[derive(Template)]
#[template(path = "sure.html")]
pub(super) struct Sure {
    pub(super) frame: Frame,
    pub(super) question: Question,
    /// What the form carries.
    pub(super) fields: Vec<(&'static str, String)>,
    /// What one types to be sure: its name; none where a press is enough.
    pub(super) typed: Option<String>,
    /// There is room for a reason.
    pub(super) asks_why: bool,
    pub(super) fault: Option<String>,
}

/// What is asked, and the button that says yes.
pub(super) struct Question {
    pub(super) title: String,
    /// What will be done, a sentence each.
    pub(super) told: Vec<String>,
    /// What the button says.
    pub(super) verb: String,
    /// Where its form goes.
    pub(super) action: String,
    /// The command that does the same.
    pub(super) command: String,
    /// The page of what it is about, where one goes who does not mean it, and its name.
    pub(super) of: (String, String),
}

impl Sure {
    /// A question to which a press is the answer.
    pub(super) fn new(visitor: &Visitor, headers: &HeaderMap, question: Question) -> Self {
        Self {
            frame: Frame::still(visitor, headers),
            question,
            fields: vec![("form_secret", visitor.form_secret())],
            typed: None,
            asks_why: false,
            fault: None,
        }
    }

    /// The same below one of the pages in the bar.
    pub(super) fn at(self, here: &'static str) -> Self {
        Self { frame: self.frame.at(here), ..self }
    }

    /// The same with a form that carries these, too.
    pub(super) fn with(mut self, fields: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        self.fields.extend(fields);
        self
    }

    /// As a response.
    pub(super) fn shown(self, app: &App) -> Response {
        render_once(app, self.frame.flash.is_some(), &self)
    }
}

/// The page before an environment is stopped or destroyed.
pub(super) async fn act(
    State(app): State<App>,
    path: Result<Path<(ServiceName, String, Act)>, PathRejection>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Page {
    let Path((service, version, act)) = path.map_err(|fault| {
        PageError::malformed(fault.status(), "There is no such button, or no such service.")
    })?;
    let version = version
        .strip_prefix('v')
        .unwrap_or(&version)
        .parse()
        .map_err(|_| PageError::missing(format!("{service} has no version {version:?}.")))?;
    let version = VersionNumber(version);
    let view = app.control.environment(&service, version).await?;
    let generation = app.store.route(&service).await?.generation;
    let containers = count(usize::from(view.environment.replicas), "container", "containers");
    let (verb, told, command) = match act {
        Act::Stop => (
            "Stop",
            vec![
                format!(
                    "{containers} of {version} of {service} are ended once nothing is in flight on them, and kept."
                ),
                format!(
                    "Nobody can look at {version} until it is started again; going back to it takes longer."
                ),
            ],
            "stop",
        ),
        Act::Destroy => (
            "Destroy",
            vec![
                format!(
                    "{containers} of {version} of {service} are removed, with what they keep on their disks."
                ),
                format!(
                    "It cannot be started again, and there is no way back to {version}: its image can be launched anew, as another version. Its record stays."
                ),
            ],
            "destroy",
        ),
        _ => {
            let detail = "This press needs no page before it.";
            return Err(PageError::malformed(StatusCode::NOT_FOUND, detail));
        }
    };
    let question = Question {
        title: format!("{verb} {version} of {service}?"),
        told,
        verb: format!("{verb} {version} of {service}"),
        action: format!("/services/{service}/{command}"),
        command: format!("launcher {command} {service} {version}"),
        of: page_of(&service),
    };
    Ok(Sure::new(&visitor, &headers, question).with(about(version, generation)).shown(&app))
}

/// The page before a version is given a share of the traffic.
pub(super) fn share(
    app: &App,
    service: &ServiceName,
    form: &ActForm,
    visitor: &Visitor,
    headers: &HeaderMap,
) -> Result<Response, PageError> {
    let (version, generation) = form.about();
    let share = match form.share() {
        Ok(share) => share.percent(),
        Err(problem) => {
            let flash = Flash::refused(sentence(problem.detail()));
            return Ok(to(app, &format!("/services/{service}"), &flash));
        }
    };
    let question = Question {
        title: format!("Give {version} of {service} {share} % of the traffic?"),
        told: vec![match share {
            0 => format!(
                "{version} of {service} is not live any more; what it had goes to the others, in proportion."
            ),
            100 => format!(
                "{version} of {service} gets all of it, and what is live now is not live any more."
            ),
            _ => "The rest stays with what is live, in proportion.".to_owned(),
        }],
        verb: format!("Give {version} {share} %"),
        action: format!("/services/{service}/share"),
        command: format!("launcher deploy {service} {version} --weight {share}"),
        of: page_of(service),
    };
    let page = Sure::new(visitor, headers, question)
        .with(about(version, generation))
        .with([("weight", share.to_string())]);
    Ok(Sure { asks_why: true, ..page }.shown(app))
}

/// The page before a service is closed to its users.
pub(super) async fn maintenance(
    State(app): State<App>,
    Path(name): Path<String>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Page {
    let name = known(&name)?;
    let service = view(&app, &visitor, &name).await?;
    let live = service.live_told();
    let question = Question {
        title: format!("Close {name} for maintenance?"),
        told: vec![
            format!(
                "Users of {name} get 503 with a page from now on, in place of {live}, until somebody opens it again."
            ),
            "Previews, and links that try a version, go on.".to_owned(),
        ],
        verb: format!("Close {name}"),
        action: format!("/services/{name}/maintenance"),
        command: format!("launcher maintenance {name} on"),
        of: page_of(&name),
    };
    let page = Sure::new(&visitor, &headers, question).with([("sure", "true".to_owned())]);
    Ok(page.shown(&app))
}

/// What the form of a version's button carries that has been asked about.
fn about(version: VersionNumber, generation: Generation) -> [(&'static str, String); 4] {
    [
        ("version", version.0.to_string()),
        ("generation", generation.0.to_string()),
        ("from", "service".to_owned()),
        ("sure", "true".to_owned()),
    ]
}

/// A service's page, and its name.
pub(super) fn page_of(name: &ServiceName) -> (String, String) {
    (format!("/services/{name}"), name.to_string())
}

/// A service as somebody may see it.
pub(super) async fn view(
    app: &App,
    visitor: &Visitor,
    name: &ServiceName,
) -> Result<ServiceView, PageError> {
    let installation = Installation::of(app, app.now());
    Ok(ServiceView::named(app, name, &installation, &visitor.principal.roles).await?)
}
