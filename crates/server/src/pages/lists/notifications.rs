//! Who is told what happens, how that goes, and a button that tries it out.

use askama::Template;
use axum::extract::{Path, State};
use launcher_model::role::Role;
use launcher_notify::TargetState;

use super::{List, Which};
use crate::App;
use crate::access::Note;
use crate::api::notifications::tested;
use crate::http::problem::Problem;
use crate::pages::acts::sentence;
use crate::pages::flash::Flash;
use crate::pages::forms::{ButtonForm, Signed};
use crate::pages::layout::Page;
use crate::pages::settings::to;
use crate::pages::view::ago::Ago;
use crate::pages::view::escaped;
use crate::pages::view::mark::Mark;
use crate::pages::visitor::Visitor;

#[derive(Template)]
#[template(path = "notifications_live.html")]
pub(super) struct Notifications {
    form_secret: String,
    /// Whoever looks may try targets out.
    is_admin: bool,
    targets: Vec<TargetLine>,
}

/// A target.
struct TargetLine {
    name: String,
    path: String,
    kind: &'static str,
    services: String,
    events: String,
    told: u64,
    waiting: u64,
    errors: u64,
    given_up: u64,
    failing: Option<Ago>,
    last_error: Option<String>,
}

impl List for Notifications {
    const NAME: &'static str = "notifications";
    const BAR: &'static str = "server";

    async fn of(app: &App, _: Which, visitor: &Visitor) -> Result<Self, Problem> {
        let now = app.now();
        let targets = app.notifier.targets().await?.into_iter();
        Ok(Self {
            form_secret: visitor.form_secret(),
            is_admin: visitor.principal.roles.include(Role::Admin),
            targets: targets.map(|target| TargetLine::new(target, now)).collect(),
        })
    }

    fn mark(&self) -> Mark {
        let failing = self.targets.iter().any(|target| target.failing.is_some());
        if failing { Mark::Trouble } else { Mark::Idle }
    }

    fn title(&self) -> String {
        "Notifications".to_owned()
    }
}

impl TargetLine {
    fn new(target: TargetState, now: jiff::Timestamp) -> Self {
        Self {
            path: escaped(&target.name),
            name: target.name,
            kind: target.kind,
            services: target.services.join(", "),
            events: target.events.join(", "),
            told: target.told,
            waiting: target.waiting,
            errors: target.errors,
            given_up: target.given_up,
            failing: target.failing_since.map(|since| Ago::new(since, now)),
            last_error: target.last_error,
        }
    }
}

/// Sends a target a test message.
pub(super) async fn test(
    State(app): State<App>,
    Path(name): Path<String>,
    note: Note,
    Signed(visitor, _): Signed<ButtonForm>,
) -> Page {
    let flash = match tested(&app, &name, &visitor.name).await {
        Ok(view) if view.told => {
            let took = view.took_ms.unwrap_or_default();
            Flash::done(format!("{name} has the test message, after {took} ms."))
        }
        Ok(view) => {
            let why = view.why.unwrap_or_default();
            Flash::refused(sentence(&format!("{name} did not take the test message: {why}")))
        }
        Err(problem) => {
            note.refused();
            Flash::refused(sentence(problem.detail()))
        }
    };
    Ok(to(&app, "/notifications", &flash))
}
