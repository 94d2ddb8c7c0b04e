//! Who did what, when, and from where.

use askama::Template;
use launcher_model::ServiceName;
use launcher_store::{AuditEntry, AuditFilter, Outcome, Way};

use super::{List, Sought, Which, cut};
use crate::App;
use crate::api::audit::outcomes;
use crate::http::moment::span;
use crate::http::problem::Problem;
use crate::pages::acts::sentence;
use crate::pages::view::ago::Ago;
use crate::pages::view::mark::Mark;
use crate::pages::visitor::Visitor;

#[derive(Template)]
#[template(path = "audit_live.html")]
pub(super) struct Audit {
    service: Option<ServiceName>,
    sought: Sought,
    /// Where all of what is shown is had as a file.
    file: String,
    lines: Vec<AuditLine>,
    older: Option<String>,
}

/// A call that was to change something.
struct AuditLine {
    id: i64,
    at: Ago,
    who: String,
    /// How they came in, and from where.
    from: String,
    call: String,
    /// The service and the version that it was about.
    about: String,
    word: &'static str,
    bad: bool,
}

impl List for Audit {
    const NAME: &'static str = "audit";

    async fn of(app: &App, which: Which, visitor: &Visitor) -> Result<Self, Problem> {
        let kinds = OUTCOMES.map(|(name, words)| (name.to_owned(), words.to_owned())).to_vec();
        let mut sought = Sought::of(app, "/audit", &which, kinds, visitor).await?;
        let launcher_store::Page { before, limit } = which.page()?;
        // What cannot be looked for is said above a list of nothing.
        let found = match narrowed(&which, app.now()) {
            Ok(filter) => app.store.audited(&AuditFilter { before, limit, ..filter }).await?,
            Err(problem) => {
                sought.fault = Some(sentence(problem.detail()));
                Vec::new()
            }
        };
        let (found, older) = cut(found, &which, "/audit", |last| last.id.to_string());
        let lines = found.into_iter().map(|entry| AuditLine::new(entry, app.now())).collect();
        Ok(Self { file: which.file("/audit"), service: which.service, sought, lines, older })
    }

    fn mark(&self) -> Mark {
        Mark::Idle
    }

    fn title(&self) -> String {
        super::of_service("Audit", self.service.as_ref())
    }
}

/// What may have become of a call, and what that is called.
const OUTCOMES: [(&str, &str); 4] =
    [("done", "done"), ("refused", "refused"), ("failed", "failed"), ("broken_off", "broken off")];

fn narrowed(which: &Which, now: jiff::Timestamp) -> Result<AuditFilter, Problem> {
    let (since, until) = span(which.from.as_deref(), which.to.as_deref(), now)?;
    let outcomes = outcomes(which.kind.as_deref().unwrap_or_default())?;
    let (who, service) = (which.who.clone(), which.service.clone());
    Ok(AuditFilter { who, service, outcomes, since, until, ..AuditFilter::default() })
}

impl AuditLine {
    fn new(AuditEntry { id, call }: AuditEntry, now: jiff::Timestamp) -> Self {
        let way = match call.way {
            Way::Token => "token",
            Way::Session => "session",
            Way::Password => "password",
            Way::Link => "link",
            Way::OpenId => "OpenID",
            Way::Signature => "signature",
            Way::Nobody => "nothing",
        };
        let address = call.address.map(|address| format!(", {address}")).unwrap_or_default();
        let (word, bad) = match call.outcome {
            Outcome::Done => ("done", false),
            Outcome::Refused => ("refused", true),
            Outcome::Failed => ("failed", true),
            Outcome::BrokenOff => ("broken off", true),
        };
        let service = call.service.as_ref().map(ToString::to_string);
        let version = call.version.as_ref().map(ToString::to_string);
        Self {
            id,
            at: Ago::new(call.at, now),
            who: call.who.unwrap_or_else(|| "nobody known".to_owned()),
            from: format!("{way}{address}"),
            call: format!("{} {}", call.method, call.path),
            about: [service, version].into_iter().flatten().collect::<Vec<_>>().join(" "),
            word,
            bad,
        }
    }
}
