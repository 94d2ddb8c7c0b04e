//! Certificates.

use comfy_table::{Cell, Color};
use jiff::Timestamp;
use launcher_server::api::views::{CertificateState, CertificateView};

use super::{Columns, Look, or_dash, plain};

/// The certificates, and under them why some are missing.
pub(in crate::cli) fn certificates(certificates: &[CertificateView], look: &Look) -> String {
    let mut columns =
        Columns::new(look, &["OF", "STATE", "NAMES", "ISSUED BY", "UNTIL", "RENEWED"]);
    for one in certificates {
        columns.row([
            plain(whose(one)),
            state(one),
            plain(one.names.join(", ")),
            or_dash(one.issuer.as_deref()),
            or_dash(one.not_after.map(day)),
            or_dash(one.renews_at.map(day)),
        ]);
    }
    let mut text = columns.text();
    for one in certificates {
        if let Some(note) = note(one) {
            text.push_str(&format!("{}: {note}\n", whose(one)));
        }
    }
    text
}

/// To the day: who wants to know more asks for JSON.
fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

/// The service, or the edge that reads it from files.
fn whose(one: &CertificateView) -> String {
    match &one.file {
        None => one.whose().to_owned(),
        Some(file) => format!("edge {}", file.edge),
    }
}

/// What somebody has to see to, and where.
fn note(one: &CertificateView) -> Option<String> {
    let Some(file) = &one.file else {
        let again = one.failure.as_ref()?.again_at;
        return Some(format!("{} (tried again at {again})", one.why()?));
    };
    let what = match (one.why(), one.state) {
        (Some(why), _) => why,
        (None, CertificateState::Valid) => return None,
        (None, _) => "what renews it has not done so",
    };
    Some(format!("{}: {what}", file.path))
}

fn state(one: &CertificateView) -> Cell {
    match one.state {
        _ if one.asked_at.is_some() => plain("being ordered").fg(Color::Yellow),
        CertificateState::Valid => plain("valid").fg(Color::Green),
        CertificateState::Failing => plain("not renewed").fg(Color::Yellow),
        CertificateState::Overdue => plain("overdue").fg(Color::Yellow),
        CertificateState::Expired => plain("expired").fg(Color::Red),
        CertificateState::Missing => plain("missing").fg(Color::Red),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{look, read};
    use super::*;

    #[test]
    fn certificates_tell_until_when_they_count_and_why_one_is_missing() {
        let fixture = include_str!("fixtures/certificates.json");
        insta::assert_snapshot!(certificates(&read::<Vec<_>>(fixture), &look()));
    }
}
