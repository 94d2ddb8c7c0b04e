//! Who may look at previews, as nginx reads it (`auth_basic_user_file`).

use super::text::Unfit;
use crate::table::ServiceTable;

/// The text of a service's file of logins; `None` when everybody may look.
///
/// # Errors
/// When a name or a hash would read as something else.
pub(in crate::nginx) fn logins(table: &ServiceTable) -> Result<Option<String>, Unfit> {
    let Some(logins) = &table.rules.preview_logins else { return Ok(None) };
    let mut text = String::new();
    for login in logins {
        let is_line = |word: &str| {
            !word.is_empty()
                && word.len() <= 512
                && !word.contains(|c: char| c.is_control() || c == ':')
        };
        if !is_line(&login.user) || login.user.starts_with('#') || !is_line(&login.hash) {
            let why = "cannot stand in a file of logins";
            return Err(Unfit::new(&table.name, "the user", &login.user, why));
        }
        text.extend([&login.user, ":", &login.hash, "\n"]);
    }
    Ok(Some(text))
}
