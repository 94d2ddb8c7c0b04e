//! Certificates, those that are ordered from an authority and those in files: until when they count, why one is
//! missing, and a button that has one ordered anew.

use askama::Template;
use axum::extract::{Path, State};
use jiff::Timestamp;
use launcher_model::ServiceName;
use launcher_model::role::Role;

use super::{List, Which};
use crate::App;
use crate::access::Note;
use crate::api::certificates;
use crate::api::views::{CertificateState, CertificateView};
use crate::http::problem::Problem;
use crate::pages::acts::sentence;
use crate::pages::flash::Flash;
use crate::pages::forms::{ButtonForm, Signed};
use crate::pages::layout::Page;
use crate::pages::settings::to;
use crate::pages::view::escaped;
use crate::pages::view::mark::Mark;
use crate::pages::visitor::Visitor;

#[derive(Template)]
#[template(path = "certificates_live.html")]
pub(super) struct Certificates {
    form_secret: String,
    orders: bool,
    ordered: Vec<CertificateLine>,
    in_files: Vec<CertificateLine>,
}

/// A certificate.
struct CertificateLine {
    /// The service, or the edge that reads it.
    whose: String,
    path: String,
    /// Where it is on the edge's machine.
    file: Option<String>,
    mark: Mark,
    word: &'static str,
    names: String,
    issuer: String,
    until: String,
    renews: String,
    why: Option<String>,
    /// Whoever looks may have another one ordered.
    may_renew: bool,
}

impl List for Certificates {
    const NAME: &'static str = "certificates";

    async fn of(app: &App, _: Which, visitor: &Visitor) -> Result<Self, Problem> {
        let orders = app.settings.orders_certificates;
        let roles = &visitor.principal.roles;
        let line = |view: CertificateView| {
            let may = |service| orders && roles.include_on(Role::Deployer, service);
            let may_renew = view.asked_at.is_none() && view.service.as_ref().is_some_and(may);
            CertificateLine::new(view, may_renew)
        };
        let (ordered, in_files) = certificates::all(app)
            .await?
            .into_iter()
            .partition::<Vec<_>, _>(|one| one.file.is_none());
        Ok(Self {
            form_secret: visitor.form_secret(),
            orders,
            ordered: ordered.into_iter().map(line).collect(),
            in_files: in_files.into_iter().map(line).collect(),
        })
    }

    fn mark(&self) -> Mark {
        let lines = self.ordered.iter().chain(&self.in_files);
        lines.map(|line| line.mark).min().unwrap_or(Mark::Idle)
    }

    fn title(&self) -> String {
        "Certificates".to_owned()
    }
}

impl CertificateLine {
    fn new(view: CertificateView, may_renew: bool) -> Self {
        let (mark, word) = match view.state {
            _ if view.asked_at.is_some() => (Mark::Moving, "being ordered"),
            CertificateState::Valid => (Mark::Idle, "valid"),
            CertificateState::Failing => (Mark::Trouble, "valid, not renewed"),
            CertificateState::Overdue => (Mark::Trouble, "not renewed in time"),
            CertificateState::Expired => (Mark::Trouble, "has run out"),
            CertificateState::Missing => (Mark::Trouble, "missing"),
        };
        let again =
            view.failure.as_ref().map(|failure| format!(" Tried again {}.", day(failure.again_at)));
        let why = view.why().map(|why| format!("{}{}", sentence(why), again.unwrap_or_default()));
        let whose = view.whose().to_owned();
        Self {
            path: escaped(&whose),
            whose,
            file: view.file.map(|file| file.path),
            mark,
            word,
            names: view.names.join(", "),
            issuer: view.issuer.unwrap_or_default(),
            until: view.not_after.map(day).unwrap_or_default(),
            renews: view.renews_at.map(day).unwrap_or_default(),
            why,
            may_renew,
        }
    }
}

fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// Has a service's certificate ordered anew.
pub(super) async fn renew(
    State(app): State<App>,
    Path(service): Path<ServiceName>,
    note: Note,
    Signed(visitor, _): Signed<ButtonForm>,
) -> Page {
    let flash = match certificates::asked(&app, &service, &visitor.name).await {
        Ok(_) => Flash::done(format!(
            "Another certificate for {service} is being ordered; the one that there is stays until then."
        )),
        Err(problem) => {
            note.refused();
            Flash::refused(sentence(problem.detail()))
        }
    };
    Ok(to(&app, "/certificates", &flash))
}
