//! A service's settings as text that is written on a page: checked as one types, compared with what there
//! is, and saved as it was shown.

use askama::Template;
use axum::http::HeaderMap;
use jiff::Timestamp;
use launcher_model::ServiceName;
use launcher_model::service::{self, Difference, ServiceSpec, write_briefly};
use launcher_store::Service;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::acts::sentence;
use super::forms::Carries;
use super::view::ago::Ago;
use super::view::changes::DiffLine;
use crate::App;
use crate::api::services::{How, settle};
use crate::http::problem::Problem;

/// The name by which faults speak of the text.
const FILE: &str = "launcher.toml";

/// What the form carries.
#[derive(Debug, Deserialize)]
pub(super) struct EditorForm {
    form_secret: String,
    /// The settings as somebody wrote them.
    pub(super) text: String,
    /// Since when the service had the settings that the page began with, in microseconds.
    #[serde(default)]
    pub(super) loaded: Option<i64>,
    /// Since when it had those that the text was compared with.
    #[serde(default)]
    pub(super) seen: Option<i64>,
    /// Of which text it was shown what it changes.
    #[serde(default)]
    pub(super) shown: Option<String>,
}

impl Carries for EditorForm {
    fn form_secret(&self) -> &str {
        &self.form_secret
    }
}

impl EditorForm {
    /// The text, with the ends of lines that files have.
    pub(super) fn text(&self) -> String {
        self.text.replace("\r\n", "\n")
    }

    /// Since when the service has had the settings that are to be replaced, where it was shown what this text
    /// changes in them.
    pub(super) fn agreed(&self, editor: &Editor) -> Option<Timestamp> {
        let shown = self.shown.as_deref() == Some(editor.fingerprint().as_str());
        let seen = self.seen.and_then(|seen| Timestamp::from_microsecond(seen).ok());
        seen.filter(|seen| shown && editor.seen == Some(seen.as_microsecond()))
    }

    /// Whether it was shown what a new service will be.
    pub(super) fn agreed_anew(&self, editor: &Editor) -> bool {
        self.shown.as_deref() == Some(editor.fingerprint().as_str())
    }
}

/// Whether a script of the page asks, which needs only what is said of the text.
pub(super) fn asks_for_part(headers: &HeaderMap) -> bool {
    headers.contains_key("hx-request")
}

/// The text, and what is to be said of it.
pub(super) struct Editor {
    /// Where it is sent to; with `/check` behind it to be looked at.
    pub(super) path: String,
    pub(super) text: String,
    /// Somebody has written it here, and it is not saved.
    pub(super) is_written: bool,
    pub(super) loaded: Option<i64>,
    pub(super) seen: Option<i64>,
    /// That somebody else has changed the settings meanwhile.
    pub(super) overtaken: Option<String>,
    pub(super) told: Told,
    /// What the button says that saves it.
    pub(super) verb: &'static str,
}

/// What is to be said of a text.
pub(super) enum Told {
    /// It changes nothing.
    Same,
    /// It cannot be saved.
    Fault(Fault),
    /// What it changes.
    Changes(Changes),
}

/// What is wrong with a text.
pub(super) struct Fault {
    /// Where, in lines from 1.
    pub(super) line: Option<usize>,
    pub(super) words: String,
    /// The line itself.
    pub(super) source: String,
}

/// What a text changes.
pub(super) struct Changes {
    pub(super) settings: Vec<Difference>,
    pub(super) lines: Vec<DiffLine>,
    /// Secrets that it names and that are not set.
    pub(super) unset: Vec<String>,
    pub(super) spec: Box<ServiceSpec>,
}

/// What a browser is told while one types.
#[derive(Template)]
#[template(path = "told.html")]
pub(super) struct ToldPart {
    pub(super) editor: Editor,
}

impl Editor {
    /// The settings of a service as they are, or a text that is to replace them.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) async fn of(
        app: &App,
        service: &Service,
        form: Option<&EditorForm>,
    ) -> Result<Self, Problem> {
        let seen = service.changed_at.as_microsecond();
        let name = &service.spec.service.name;
        let before = write_briefly(&service.spec);
        let text = form.map_or_else(|| before.clone(), EditorForm::text);
        let told = told(app, &text, Some((name, &before))).await?;
        let loaded = form.and_then(|form| form.loaded).unwrap_or(seen);
        let overtaken = match told {
            Told::Same => None,
            _ => (loaded != seen).then(|| overtaken(service, app.now())),
        };
        let path = format!("/services/{name}/settings");
        let (loaded, seen) = (Some(loaded), Some(seen));
        let is_written = form.is_some() && !matches!(told, Told::Same);
        let verb = "Save these settings";
        Ok(Self { path, text, is_written, loaded, seen, overtaken, told, verb })
    }

    /// A text that is to make a service: one that somebody has written, or one to begin with.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) async fn of_new(app: &App, text: String, is_written: bool) -> Result<Self, Problem> {
        let told = told(app, &text, None).await?;
        let path = "/new/service".to_owned();
        let (loaded, seen) = (None, None);
        let (overtaken, verb) = (None, "Create this service");
        Ok(Self { path, text, is_written, loaded, seen, overtaken, told, verb })
    }

    /// Stands for the text: what is saved is what was shown.
    pub(super) fn fingerprint(&self) -> String {
        let hash = Sha256::digest(self.text.as_bytes());
        hash[..12].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// So many lines of it are in sight.
    pub(super) fn rows(&self) -> usize {
        (self.text.lines().count() + 2).clamp(14, 40)
    }

    /// What stands in the way of saving it, after all.
    pub(super) fn refused(self, problem: &Problem) -> Self {
        Self { told: Told::Fault(Fault::of(problem.detail())), ..self }
    }
}

fn overtaken(service: &Service, now: Timestamp) -> String {
    let ago = Ago::new(service.changed_at, now);
    let when = if ago.is_now() { "just now".to_owned() } else { format!("{ago} ago") };
    format!(
        "Somebody else changed the settings of {} {when}. Nothing was saved; what you wrote is still here, compared with what they are now: saving it takes back what they did, as far as it differs.",
        service.spec.service.name
    )
}

/// What is to be said of a text: of a service that is there, or of a new one.
async fn told(
    app: &App,
    text: &str,
    before: Option<(&ServiceName, &str)>,
) -> Result<Told, Problem> {
    let spec = match service::read(FILE, text) {
        Ok(spec) => spec,
        Err(fault) => {
            return Ok(Told::Fault(Fault {
                line: Some(fault.line),
                words: sentence(&fault.message),
                source: fault.source_line,
            }));
        }
    };
    let named = &spec.service.name;
    match before {
        Some((name, _)) if name != named => {
            return Ok(Told::Fault(Fault::of(&format!(
                "this is the page of {name}, and the text names the service {named}: a service keeps its name"
            ))));
        }
        None if app.store.service(named).await?.is_some_and(|there| there.spec != spec) => {
            return Ok(Told::Fault(Fault::of(&format!(
                "there is a service {named} already, with other settings; choose another name, or change those on its own page"
            ))));
        }
        _ => {}
    }
    let put = match settle(app, &spec, How::Look, "").await {
        Ok(put) => put,
        Err(problem) if problem.status().is_server_error() => return Err(problem),
        Err(problem) => return Ok(Told::Fault(Fault::of(problem.detail()))),
    };
    if put.changes.is_empty() {
        return Ok(Told::Same);
    }
    let lines = before.map(|(_, before)| DiffLine::all(before, &write_briefly(&spec)));
    Ok(Told::Changes(Changes {
        settings: put.changes,
        lines: lines.unwrap_or_default(),
        unset: put.unset_secrets,
        spec: Box::new(spec),
    }))
}

impl Fault {
    fn of(words: &str) -> Self {
        Self { line: None, words: sentence(words), source: String::new() }
    }
}
