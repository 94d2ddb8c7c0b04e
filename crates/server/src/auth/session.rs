//! Sessions: begun by a one-time link, a token or a password, carried by a cookie.

use jiff::SignedDuration;
use launcher_model::PersonName;
use launcher_store::{NewSession, Owner, Result, Session};

use super::token::TokenText;
use crate::App;
use crate::access::Caller;

/// The cookie's name.
pub const COOKIE: &str = "launcher_session";
/// How long a one-time link of a token may be used.
const LINK_LIFE: SignedDuration = SignedDuration::from_mins(15);
/// How long a person's may: it has to reach them.
const PERSONS_LINK_LIFE: SignedDuration = SignedDuration::from_hours(24);
/// How long a session lasts.
pub(crate) const SESSION_LIFE: SignedDuration = SignedDuration::from_hours(24 * 14);

/// A session that has begun.
#[derive(Debug, Clone)]
pub struct Begun {
    /// Its number.
    pub id: i64,
    /// For whom it is.
    pub owner: Owner,
    /// The text of its cookie.
    pub cookie: TokenText,
}

impl App {
    /// Makes a link's secret that begins one session for a token, once and soon.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn one_time_link(&self, token: &str) -> Result<TokenText> {
        let (_, text) = self.keep(Owner::Token(token.to_owned()), Some(LINK_LIFE), None).await?;
        Ok(text)
    }

    /// Makes a link's secret by which a person sets a password and begins a session, once and within a day.
    ///
    /// # Errors
    /// When the person may not sign in, or the store fails.
    pub async fn person_link(&self, person: &PersonName) -> Result<TokenText> {
        let owner = Owner::Person(person.clone());
        let (_, text) = self.keep(owner, Some(PERSONS_LINK_LIFE), None).await?;
        Ok(text)
    }

    /// Begins a session.
    ///
    /// # Errors
    /// When its owner may not come in, or the store fails.
    pub async fn begin_session(&self, owner: Owner, caller: &Caller) -> Result<Begun> {
        let (id, cookie) = self.keep(owner.clone(), None, Some(caller)).await?;
        Ok(Begun { id, owner, cookie })
    }

    /// Trades a one-time link's secret for a session; nothing when it was used, or too late.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn redeem_link(&self, secret: &TokenText, caller: &Caller) -> Result<Option<Begun>> {
        match self.store.take_session(&secret.hash(), self.now()).await? {
            Some(link) => Ok(Some(self.begin_session(link.owner, caller).await?)),
            None => Ok(None),
        }
    }

    /// The session of a cookie, when it is valid.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn session(&self, cookie: &TokenText) -> Result<Option<Session>> {
        self.store.session(&cookie.hash(), self.now()).await
    }

    /// Keeps a one-time link that lives so long, or a session.
    async fn keep(
        &self,
        owner: Owner,
        link: Option<SignedDuration>,
        caller: Option<&Caller>,
    ) -> Result<(i64, TokenText)> {
        let text = TokenText::random();
        let now = self.now();
        let session = NewSession {
            hash: text.hash(),
            owner,
            once: link.is_some(),
            expires_at: now + link.unwrap_or(SESSION_LIFE),
            address: caller.and_then(|caller| caller.address),
            agent: caller.and_then(|caller| caller.agent.clone()),
        };
        let id = self.store.create_session(session, now).await?;
        Ok((id, text))
    }
}
