//! Where one is signed in; an administrator sees where everybody is. Each can be ended.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Redirect};
use launcher_store::Session;

use super::{List, Which};
use crate::App;
use crate::access::Note;
use crate::api::sessions::whose;
use crate::http::problem::Problem;
use crate::pages::flash::Flash;
use crate::pages::forms::{ButtonForm, Signed};
use crate::pages::layout::Page;
use crate::pages::view::ago::Ago;
use crate::pages::view::browser;
use crate::pages::view::escaped;
use crate::pages::view::mark::Mark;
use crate::pages::visitor::Visitor;

#[derive(Template)]
#[template(path = "sessions_live.html")]
pub(super) struct Sessions {
    form_secret: String,
    lines: Vec<SessionLine>,
    /// The page of whoever looks, if that is a person.
    own_page: Option<String>,
}

/// A session.
struct SessionLine {
    id: i64,
    whose: String,
    browser: String,
    /// What that says of itself.
    agent: String,
    address: String,
    since: Ago,
    seen: Option<Ago>,
    /// It is the one in which the page is looked at.
    own: bool,
}

impl List for Sessions {
    const NAME: &'static str = "sessions";

    async fn of(app: &App, _: Which, visitor: &Visitor) -> Result<Self, Problem> {
        let (now, principal) = (app.now(), &visitor.principal);
        let found = app.store.sessions(whose(principal).as_ref(), now).await?.into_iter();
        let own = principal.session();
        let lines = found.map(|session| SessionLine::new(session, own, now)).collect();
        let own_page =
            principal.is_person().then(|| format!("/people/{}", escaped(&principal.name)));
        Ok(Self { form_secret: visitor.form_secret(), lines, own_page })
    }

    fn mark(&self) -> Mark {
        Mark::Idle
    }

    fn title(&self) -> String {
        "Sessions".to_owned()
    }
}

impl SessionLine {
    fn new(session: Session, own: Option<i64>, now: jiff::Timestamp) -> Self {
        let agent = session.agent.unwrap_or_default();
        Self {
            id: session.id,
            whose: session.owner.name().to_owned(),
            browser: browser::named(&agent),
            agent,
            address: session.address.map(|address| address.to_string()).unwrap_or_default(),
            since: Ago::new(session.began_at, now),
            seen: session.last_seen.map(|seen| Ago::new(seen, now)),
            own: own == Some(session.id),
        }
    }
}

/// Ends a session.
pub(super) async fn end(
    State(app): State<App>,
    Path(id): Path<i64>,
    note: Note,
    Signed(visitor, _): Signed<ButtonForm>,
) -> Page {
    let ended = app.store.revoke_session(id, whose(&visitor.principal).as_ref(), app.now()).await?;
    let flash = if ended {
        Flash::done("That session is over.")
    } else {
        note.refused();
        Flash::refused("That session was over already, or is none of yours.")
    };
    let headers = [(header::SET_COOKIE, flash.cookie(&app.settings))];
    Ok((headers, Redirect::to("/sessions")).into_response())
}
