//! The administrator's token: made at the first start, so that somebody can come in, and made anew when
//! it is lost.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use launcher_model::role::{Role, Roles};
use launcher_server::{App, TokenText};
use launcher_store::{CredentialStore, NewToken, Store};

use super::data::{DataDir, write_private};

/// The name of the token that the first start makes.
const ADMIN: &str = "admin";

/// Makes the administrator's token at the first start. Its file comes first, so that a start that is
/// killed between the two leaves a text that the next one takes over. One that was revoked is not made again.
///
/// # Errors
/// When the file holds something else, as an empty one does, or when store or disk fail.
pub(crate) async fn ensure(app: &App, data: &DataDir) -> Result<()> {
    protect(&data.admin_token())?;
    if app.store.tokens().await?.iter().any(|token| token.name == ADMIN) {
        return Ok(());
    }
    let path = data.admin_token();
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => TokenText::read(text.trim()).with_context(|| no_token(&path))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => write_new(&path)?,
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read {}", path.display()));
        }
    };
    launcher_fault::point("start.token_written");
    keep(&*app.store, &text, "first start", app.now()).await
}

fn no_token(path: &Path) -> String {
    format!(
        "{} holds no token that this program made, and nobody could sign in with it: remove the file and \
         start again, and a new token is made",
        path.display()
    )
}

/// Takes a token's file from others who may read it, as a copy of it may have come to be.
fn protect(path: &Path) -> Result<()> {
    let failed = || format!("cannot protect {}", path.display());
    let mode = match std::fs::metadata(path) {
        Ok(metadata) => metadata.permissions().mode(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(failed),
    };
    if mode & 0o077 != 0 {
        tracing::warn!(
            path = %path.display(),
            "others could read the administrator's token, and cannot any more; if they may know it, stop the \
             server and run `launcher token recover`"
        );
        let private = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(path, private).with_context(failed)?;
    }
    Ok(())
}

/// Makes a new administrator's token in the place of one that was lost or revoked. Returns the file that
/// holds it. Safe to be killed and run again.
///
/// # Errors
/// When there is no installation, its server runs, or the disk fails.
pub(crate) async fn recover(folder: &Path) -> Result<PathBuf> {
    if !folder.join(DataDir::DATABASE).exists() {
        bail!(
            "there is no installation in {}; name its directory with --data, or begin one with `launcher up`",
            folder.display()
        );
    }
    let data = DataDir::open(folder)?;
    let _lock = data.lock()?;
    let store = launcher_store::sqlite::open(&data.database()).await?;
    let by = "token recover";
    store.revoke_token(ADMIN, by, Timestamp::now()).await?;
    let path = data.admin_token();
    let text = write_new(&path)?;
    keep(&store, &text, by, Timestamp::now()).await?;
    Ok(path)
}

fn write_new(path: &Path) -> Result<TokenText> {
    let text = TokenText::random();
    write_private(path, &format!("{}\n", text.expose()))?;
    Ok(text)
}

async fn keep(store: &dyn Store, text: &TokenText, by: &str, at: Timestamp) -> Result<()> {
    let new = NewToken {
        name: ADMIN.to_owned(),
        hash: text.hash(),
        roles: Roles::everywhere(Role::Admin),
    };
    store.create_token(new, by, at).await?;
    Ok(())
}

/// The name of a token that a one-time link may act for: the administrator's, while it is valid.
pub(crate) async fn link_owner(app: &App) -> Result<Option<String>> {
    let tokens = app.store.tokens().await?;
    let admin = tokens.into_iter().find(|token| token.name == ADMIN && token.revoked_at.is_none());
    Ok(admin.map(|token| token.name))
}
