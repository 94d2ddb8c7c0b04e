//! People, their sessions, and who did what.

use launcher_model::role::Roles;
use launcher_server::api::views::{AuditView, PersonView, SessionView};

use super::words::{ago, until};
use super::{Columns, Look, plain};

/// The people.
pub(in crate::cli) fn people(people: &[PersonView], look: &Look) -> String {
    let mut columns = Columns::new(look, &["NAME", "CALLED", "MAY", "LAST HERE", "SIGNS IN"]);
    for person in people {
        let seen = person.last_seen.map_or_else(|| "never".to_owned(), |at| ago(at, look.now));
        let signs_in = match (person.disabled, person.password_set_at, &person.openid_subject) {
            (true, _, _) => "no: disabled",
            (false, None, None) => "no password yet",
            (false, None, Some(_)) => "by OpenID",
            (false, Some(_), _) => "yes",
        };
        columns.row([
            plain(&person.name),
            plain(person.display_name.as_deref().unwrap_or("-")),
            plain(roles(person).in_words()),
            plain(seen),
            plain(signs_in),
        ]);
    }
    columns.text()
}

fn roles(person: &PersonView) -> Roles {
    Roles { role: person.role, services: person.services.clone() }
}

/// What somebody may do, as the end of a sentence.
pub(in crate::cli) fn may(person: &PersonView) -> String {
    if person.disabled {
        return "may not sign in".to_owned();
    }
    format!("has the role {}", roles(person).in_words())
}

/// The sessions of the pages.
pub(in crate::cli) fn sessions(sessions: &[SessionView], look: &Look) -> String {
    let columns = ["SESSION", "WHO", "BEGAN", "LAST SEEN", "ENDS", "FROM", "BROWSER"];
    let mut columns = Columns::new(look, &columns);
    for session in sessions {
        let who =
            if session.token { format!("{} (token)", session.name) } else { session.name.clone() };
        let seen = session.last_seen.map_or_else(|| "-".to_owned(), |at| ago(at, look.now));
        columns.row([
            plain(session.id),
            plain(who),
            plain(ago(session.began_at, look.now)),
            plain(seen),
            plain(until(session.expires_at, look.now)),
            plain(session.address.map_or_else(|| "-".to_owned(), |address| address.to_string())),
            plain(session.agent.as_deref().unwrap_or("-")),
        ]);
    }
    columns.text()
}

/// Who did what.
pub(in crate::cli) fn audit(calls: &[AuditView], look: &Look) -> String {
    let mut columns = Columns::new(look, &["WHEN", "WHO", "FROM", "DID", "VERSION", "OUTCOME"]);
    for call in calls {
        columns.row([
            plain(ago(call.at, look.now)),
            plain(call.who.as_deref().unwrap_or("nobody known")),
            plain(call.address.map_or_else(|| "-".to_owned(), |address| address.to_string())),
            plain(format!("{} {}", call.method, call.path)),
            plain(call.version.map_or_else(|| "-".to_owned(), |version| version.to_string())),
            plain(outcome(call)),
        ]);
    }
    columns.text()
}

fn outcome(call: &AuditView) -> String {
    use launcher_store::Outcome as O;
    match call.outcome {
        O::Done => "done".to_owned(),
        O::Refused => format!("refused ({})", call.status),
        O::Failed => format!("failed ({})", call.status),
        O::BrokenOff => "broken off".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{look, read};
    use super::*;

    #[test]
    fn people_sessions_and_what_they_did_are_laid_out() {
        let known: Vec<PersonView> = read(
            r#"[{"name": "anna", "display_name": null, "role": "none", "services": {"shop": "viewer"},
                 "disabled": false, "password_set_at": null, "created_at": "2026-11-01T11:00:00Z",
                 "created_by": "admin", "last_seen": null},
                {"name": "cora", "display_name": null, "role": "viewer", "services": {},
                 "disabled": false, "password_set_at": null, "openid_subject": "c1",
                 "created_at": "2026-11-01T11:00:00Z", "created_by": "openid", "last_seen": null},
                {"name": "mika", "display_name": "Mika K.", "role": "viewer",
                 "services": {"mail": "admin", "shop": "deployer"}, "disabled": false,
                 "password_set_at": "2026-11-02T11:00:00Z", "created_at": "2026-11-01T11:00:00Z",
                 "created_by": "admin", "last_seen": "2026-11-24T11:58:00Z"}]"#,
        );
        insta::assert_snapshot!(people(&known, &look()));
        let open: Vec<SessionView> = read(
            r#"[{"id": 12, "name": "mika", "token": false, "current": false,
                 "began_at": "2026-11-24T11:00:00Z", "last_seen": "2026-11-24T11:58:00Z",
                 "expires_at": "2026-12-08T11:00:00Z", "address": "192.0.2.7", "agent": "Firefox/150"},
                {"id": 3, "name": "admin", "token": true, "current": false,
                 "began_at": "2026-11-20T11:00:00Z", "last_seen": null,
                 "expires_at": "2026-12-04T11:00:00Z", "address": null, "agent": null}]"#,
        );
        insta::assert_snapshot!(sessions(&open, &look()));
        let calls: Vec<AuditView> = read(
            r#"[{"id": 7, "at": "2026-11-24T11:59:00Z", "who": "mika", "way": "session", "session": 12,
                 "address": "192.0.2.7", "method": "POST", "path": "/services/shop/deploy",
                 "service": "shop", "version": 42, "status": 303, "outcome": "done"},
                {"id": 6, "at": "2026-11-24T11:00:00Z", "who": null, "way": "nobody", "session": null,
                 "address": null, "method": "DELETE", "path": "/api/v1/services/shop",
                 "service": "shop", "version": null, "status": 401, "outcome": "refused"}]"#,
        );
        insta::assert_snapshot!(audit(&calls, &look()));
    }
}
