//! Secrets and tokens: their names, never their values.

use launcher_model::role::Roles;
use launcher_server::api::views::{SecretView, TokenView};

use super::words::ago;
use super::{Columns, Look, plain};

/// The secrets that are set.
pub(in crate::cli) fn secrets(secrets: &[SecretView], look: &Look) -> String {
    let mut columns = Columns::new(look, &["SECRET", "VALUE", "SET", "BY"]);
    for secret in secrets {
        columns.row([
            plain(&secret.name),
            plain(format!("number {}", secret.number)),
            plain(ago(secret.set_at, look.now)),
            plain(&secret.set_by),
        ]);
    }
    columns.text()
}

/// The tokens, those revoked too.
pub(in crate::cli) fn tokens(tokens: &[TokenView], look: &Look) -> String {
    let mut columns = Columns::new(look, &["TOKEN", "ROLE", "CREATED", "VALID"]);
    for token in tokens {
        let roles = Roles { role: token.role, services: token.services.clone() };
        let valid = match token.revoked_at {
            None => "yes".to_owned(),
            Some(at) => format!("revoked {}", ago(at, look.now)),
        };
        columns.row([
            plain(&token.name),
            plain(roles.in_words()),
            plain(ago(token.created_at, look.now)),
            plain(valid),
        ]);
    }
    columns.text()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{look, read};
    use super::*;

    #[test]
    fn secrets_and_tokens_show_no_value() {
        let set: Vec<SecretView> = read(
            r#"[{"name": "shop/database-url", "number": 3,
                 "set_at": "2026-11-24T11:00:00Z", "set_by": "admin"}]"#,
        );
        insta::assert_snapshot!(secrets(&set, &look()));
        let known: Vec<TokenView> = read(
            r#"[{"name": "admin", "created_at": "2026-11-01T11:00:00Z", "revoked_at": null},
                {"name": "ci", "created_at": "2026-11-02T11:00:00Z", "role": "agent",
                 "revoked_at": "2026-11-24T11:58:00Z"}]"#,
        );
        insta::assert_snapshot!(tokens(&known, &look()));
    }
}
