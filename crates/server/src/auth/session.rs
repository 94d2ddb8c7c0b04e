//! Sessions of the pages: begun by a one-time link or a token, carried by a cookie.

use jiff::SignedDuration;
use launcher_store::{NewSession, Result, Session};

use super::token::TokenText;
use crate::App;

/// The cookie's name.
pub const COOKIE: &str = "launcher_session";
/// How long a one-time link may be used.
const LINK_LIFE: SignedDuration = SignedDuration::from_mins(15);
/// How long a session lasts.
pub(crate) const SESSION_LIFE: SignedDuration = SignedDuration::from_hours(24 * 14);

impl App {
    /// Makes a link's secret that begins one session for a token, once and soon.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn one_time_link(&self, token: &str) -> Result<TokenText> {
        self.keep_session(token, true, LINK_LIFE).await
    }

    /// Begins a session for a token: the text of its cookie.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn begin_session(&self, token: &str) -> Result<TokenText> {
        self.keep_session(token, false, SESSION_LIFE).await
    }

    /// Trades a one-time link's secret for a session's cookie; nothing when it was used, or too late.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn redeem_link(&self, secret: &TokenText) -> Result<Option<TokenText>> {
        match self.store.take_session(&secret.hash(), self.now()).await? {
            Some(link) => Ok(Some(self.begin_session(&link.token).await?)),
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

    async fn keep_session(
        &self,
        token: &str,
        once: bool,
        life: SignedDuration,
    ) -> Result<TokenText> {
        let text = TokenText::random();
        let now = self.now();
        let session =
            NewSession { hash: text.hash(), token: token.to_owned(), once, expires_at: now + life };
        self.store.create_session(session, now).await?;
        Ok(text)
    }
}
