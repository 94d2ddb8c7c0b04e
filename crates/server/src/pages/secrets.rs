//! Secrets: which there are, and new values for them. None is ever shown.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect};
use launcher_model::ServiceName;
use launcher_model::role::Role;
use launcher_model::secret::SecretName;
use launcher_model::service::ServiceSpec;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::acts::sentence;
use super::error::PageError;
use super::flash::Flash;
use super::forms::{Carries, Signed};
use super::layout::{Frame, Page, render_once};
use super::settings::to;
use super::view::ago::Ago;
use super::view::escaped;
use super::visitor::Visitor;
use crate::App;
use crate::access::Note;
use crate::api::secrets::{all, give, take};
use crate::http::problem::Problem;

#[derive(Template)]
#[template(path = "secrets.html")]
struct SecretsPage {
    frame: Frame,
    is_admin: bool,
    secrets: Vec<SecretLine>,
}

#[derive(Template)]
#[template(path = "secret.html")]
struct SecretPage {
    frame: Frame,
    form_secret: String,
    line: SecretLine,
    /// The service whose page leads here.
    back: Option<ServiceName>,
}

/// A secret, set or named by a service's settings.
#[derive(Clone)]
pub(super) struct SecretLine {
    pub(super) name: String,
    /// The same in an address.
    pub(super) path: String,
    /// When it was set, and by whom; nothing when it is not set.
    pub(super) set: Option<(Ago, String)>,
    /// How many values it has had.
    number: u32,
    /// Services whose settings name it, and where; of those that whoever looks may see.
    used: Vec<(ServiceName, String)>,
}

/// The setting that names who may look at previews.
const LOGIN: &str = "previews.login";

impl SecretLine {
    /// Whether it says who may look at previews: that counts at once.
    fn opens_previews(&self) -> bool {
        self.used.iter().any(|(_, place)| place == LOGIN)
    }

    /// One that is not set.
    fn unset(name: &str) -> Self {
        let (name, path) = (name.to_owned(), escaped(name));
        Self { name, path, set: None, number: 0, used: Vec::new() }
    }
}

/// The secrets that are set or named by the settings of a service that somebody may see, by name.
async fn lines(app: &App, visitor: &Visitor) -> Result<BTreeMap<String, SecretLine>, Problem> {
    let now = app.now();
    let mut lines = BTreeMap::new();
    for secret in all(app).await? {
        let name = secret.name.as_str();
        let set = Some((Ago::new(secret.set_at, now), secret.set_by));
        let number = secret.number;
        lines.insert(name.to_owned(), SecretLine { set, number, ..SecretLine::unset(name) });
    }
    for service in app.store.services().await? {
        let of = &service.spec.service.name;
        if !visitor.principal.roles.see(of) {
            continue;
        }
        for (place, name) in named(&service.spec) {
            let line = lines.entry(name.to_owned()).or_insert_with(|| SecretLine::unset(name));
            line.used.push((of.clone(), place.to_owned()));
        }
    }
    Ok(lines)
}

/// The secrets that a service's settings name, and where: the variable, or the setting.
fn named(spec: &ServiceSpec) -> Vec<(&str, &str)> {
    let variables = spec.secrets.iter().map(|(variable, name)| (variable.as_str(), name.as_str()));
    let source = spec.source.as_deref();
    let settings = [
        (LOGIN, spec.previews.login.as_deref()),
        ("source.hook_secret", source.and_then(|source| source.hook_secret.as_deref())),
        ("source.token", source.and_then(|source| source.token.as_deref())),
        ("jenkins.token", spec.jenkins.as_deref().map(|jenkins| jenkins.token.as_str())),
    ];
    let settings = settings.into_iter().filter_map(|(place, name)| Some((place, name?)));
    variables.chain(settings).collect()
}

/// The secrets that a service is given, by variable.
pub(super) async fn of_service(
    app: &App,
    visitor: &Visitor,
    named: &BTreeMap<String, String>,
) -> Result<Vec<(String, SecretLine)>, Problem> {
    if named.is_empty() {
        return Ok(Vec::new());
    }
    let lines = lines(app, visitor).await?;
    let found = named
        .iter()
        .filter_map(|(variable, name)| Some((variable.clone(), lines.get(name)?.clone())));
    Ok(found.collect())
}

pub(super) async fn list(State(app): State<App>, visitor: Visitor, headers: HeaderMap) -> Page {
    let secrets = lines(&app, &visitor).await?.into_values().collect();
    let frame = Frame::still(&visitor, &headers).at("server");
    let is_admin = visitor.principal.roles.include(Role::Admin);
    let page = SecretsPage { frame, is_admin, secrets };
    Ok(render_once(&app, page.frame.flash.is_some(), &page))
}

/// The name of a new secret.
#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    name: String,
}

/// Leads to the page of the secret that is to be set.
pub(super) async fn wanted(
    State(app): State<App>,
    _: Visitor,
    Query(wanted): Query<Wanted>,
) -> Page {
    let name = wanted.name.trim();
    match SecretName::new(name) {
        Ok(name) => {
            Ok(Redirect::to(&format!("/secrets/{}", escaped(name.as_str()))).into_response())
        }
        Err(error) => Ok(to(&app, "/secrets", &Flash::refused(sentence(&error.to_string())))),
    }
}

/// Which service's page leads here.
#[derive(Deserialize)]
pub(super) struct From {
    service: Option<ServiceName>,
}

pub(super) async fn page(
    State(app): State<App>,
    visitor: Visitor,
    Path(name): Path<String>,
    Query(From { service: back }): Query<From>,
    headers: HeaderMap,
) -> Page {
    let name = known(&name)?;
    let line = lines(&app, &visitor).await?.remove(name.as_str());
    let line = line.unwrap_or_else(|| SecretLine::unset(name.as_str()));
    let (frame, form_secret) = (Frame::still(&visitor, &headers), visitor.form_secret());
    let page = SecretPage { frame: frame.at("server"), form_secret, line, back };
    Ok(render_once(&app, page.frame.flash.is_some(), &page))
}

/// What the forms carry.
#[derive(Deserialize)]
pub(super) struct SecretForm {
    form_secret: String,
    #[serde(default)]
    value: SecretString,
    #[serde(default)]
    back: Option<ServiceName>,
}

impl Carries for SecretForm {
    fn form_secret(&self) -> &str {
        &self.form_secret
    }
}

impl SecretForm {
    /// The value, with the ends of lines that files have: browsers send others.
    fn value(&self) -> SecretString {
        SecretString::from(self.value.expose_secret().replace("\r\n", "\n"))
    }

    fn back(&self) -> String {
        let settings = |service: &ServiceName| format!("/services/{service}/settings");
        self.back.as_ref().map_or_else(|| "/secrets".to_owned(), settings)
    }
}

pub(super) async fn set(
    State(app): State<App>,
    Path(name): Path<String>,
    note: Note,
    Signed(visitor, form): Signed<SecretForm>,
) -> Page {
    let name = known(&name)?;
    match give(&app, name.clone(), &form.value(), visitor.name.clone()).await {
        Ok(_) => {
            let text =
                format!("{name} has a new value; versions are launched with it from now on.");
            Ok(to(&app, &form.back(), &Flash::done(text)))
        }
        Err(problem) => {
            note.refused();
            let flash = Flash::refused(sentence(problem.detail()));
            Ok(to(&app, &format!("/secrets/{}", escaped(name.as_str())), &flash))
        }
    }
}

pub(super) async fn unset(
    State(app): State<App>,
    Path(name): Path<String>,
    note: Note,
    Signed(visitor, form): Signed<SecretForm>,
) -> Page {
    let name = known(&name)?;
    let flash = match take(&app, &name, &visitor.name).await {
        Ok(()) => Flash::done(format!("{name} is not set any more; versions that exist keep it.")),
        Err(problem) => {
            note.refused();
            Flash::refused(sentence(problem.detail()))
        }
    };
    Ok(to(&app, &form.back(), &flash))
}

fn known(name: &str) -> Result<SecretName, PageError> {
    SecretName::new(name).map_err(|error| PageError::missing(sentence(&error.to_string())))
}
