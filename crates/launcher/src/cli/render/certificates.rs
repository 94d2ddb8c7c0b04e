//! Certificates that are ordered from an authority.

use comfy_table::{Cell, Color};
use jiff::Timestamp;
use launcher_server::api::views::{CertificateState, CertificateView};

use super::{Columns, Look, or_dash, plain};

/// The certificates, and under them why some are missing.
pub(in crate::cli) fn certificates(certificates: &[CertificateView], look: &Look) -> String {
    let mut columns = Columns::new(look, &["SERVICE", "STATE", "NAMES", "UNTIL", "RENEWED"]);
    for one in certificates {
        columns.row([
            plain(&one.service),
            state(one.state),
            plain(one.names.join(", ")),
            or_dash(one.not_after.map(day)),
            or_dash(one.renews_at.map(day)),
        ]);
    }
    let mut text = columns.text();
    for one in certificates {
        if let Some(failure) = &one.failure {
            let (service, why, again) = (&one.service, &failure.why, failure.again_at);
            text.push_str(&format!("{service}: {why} (tried again at {again})\n"));
        }
    }
    text
}

/// To the day: who wants to know more asks for JSON.
fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

fn state(state: CertificateState) -> Cell {
    match state {
        CertificateState::Valid => plain("valid").fg(Color::Green),
        CertificateState::Failing => plain("not renewed").fg(Color::Yellow),
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
