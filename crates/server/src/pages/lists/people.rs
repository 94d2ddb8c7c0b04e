//! Who may come in: people, and programs with their tokens.

use askama::Template;
use launcher_store::{Person, Token};

use super::{List, Which};
use crate::App;
use crate::http::problem::Problem;
use crate::pages::view::ago::Ago;
use crate::pages::view::mark::Mark;
use crate::pages::visitor::Visitor;

#[derive(Template)]
#[template(path = "people_live.html")]
pub(super) struct People {
    form_secret: String,
    people: Vec<PersonLine>,
    tokens: Vec<TokenLine>,
}

/// A person.
struct PersonLine {
    name: String,
    display_name: Option<String>,
    roles: String,
    /// Why they cannot come in, if they cannot.
    shut: Option<&'static str>,
    seen: Option<Ago>,
    added: Ago,
    by: String,
}

/// A token that is valid.
struct TokenLine {
    name: String,
    roles: String,
    created: Ago,
}

impl List for People {
    const NAME: &'static str = "people";

    async fn of(app: &App, _: Which, visitor: &Visitor) -> Result<Self, Problem> {
        let now = app.now();
        let people = app.store.people().await?.into_iter();
        let tokens = app.store.tokens().await?.into_iter();
        let tokens = tokens.filter(|token| token.revoked_at.is_none());
        Ok(Self {
            form_secret: visitor.form_secret(),
            people: people.map(|person| PersonLine::new(person, now)).collect(),
            tokens: tokens.map(|token| TokenLine::new(token, now)).collect(),
        })
    }

    fn mark(&self) -> Mark {
        Mark::Idle
    }

    fn title(&self) -> String {
        "People".to_owned()
    }
}

impl PersonLine {
    fn new(person: Person, now: jiff::Timestamp) -> Self {
        let shut = match (person.disabled, person.password_set_at, &person.openid) {
            (true, _, _) => Some("may not sign in"),
            (false, None, None) => Some("has no password yet"),
            (false, _, _) => None,
        };
        Self {
            name: person.name.to_string(),
            display_name: person.display_name,
            roles: person.roles.in_words(),
            shut,
            seen: person.last_seen.map(|seen| Ago::new(seen, now)),
            added: Ago::new(person.created_at, now),
            by: person.created_by,
        }
    }
}

impl TokenLine {
    fn new(token: Token, now: jiff::Timestamp) -> Self {
        let created = Ago::new(token.created_at, now);
        Self { roles: token.roles.in_words(), name: token.name, created }
    }
}
