//! What a start must leave behind so that somebody can come in: the administrator's token.

use anyhow::{Context, Result};
use launcher_server::{App, TokenText};
use launcher_store::{NewToken, Token};

use super::data::{DataDir, write_private};

/// The name of the token that the first start makes.
const ADMIN: &str = "admin";

/// Makes the administrator's token at the first start. Its file comes first, so that a start that is
/// killed between the two leaves a text that the next one takes over. One that was revoked is not made again.
pub(crate) async fn ensure_admin(app: &App, data: &DataDir) -> Result<()> {
    let known: Vec<Token> = app.store.tokens().await?;
    if known.iter().any(|token| token.name == ADMIN) {
        return Ok(());
    }
    let path = data.admin_token();
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => TokenText::from(text.trim()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let text = TokenText::random();
            write_private(&path, &format!("{}\n", text.expose()))?;
            text
        }
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read {}", path.display()));
        }
    };
    launcher_fault::point("start.token_written");
    let new = NewToken { name: ADMIN.to_owned(), hash: text.hash() };
    app.store.create_token(new, "first start", app.now()).await?;
    Ok(())
}

/// The name of a token that a one-time link may act for: the administrator's, while it is valid.
pub(crate) async fn link_owner(app: &App) -> Result<Option<String>> {
    let tokens = app.store.tokens().await?;
    let admin = tokens.into_iter().find(|token| token.name == ADMIN && token.revoked_at.is_none());
    Ok(admin.map(|token| token.name))
}
