//! What people write: settings, paths, names and amounts.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use jiff::Timestamp;
use launcher_edge::remote::JoinToken;
use launcher_logs::Position;
use launcher_model::image::ImageRef;
use launcher_model::role::Role;
use launcher_model::service::{self, RepositoryUrl, RequestPath, RulePath, Window};
use launcher_model::{BuildId, Bytes, EdgeName, PersonName, ServiceName, Span, VersionNumber};
use launcher_openid::Round;
use launcher_server::TokenText;
use launcher_telemetry::Measure;
use launcher_upstream::jenkins::Place;
use percent_encoding::percent_decode_str;

/// A file that is read is read as the same when it is written anew, in full and briefly; a mistake is in
/// the line that is shown for it.
pub(crate) fn launcher_toml(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match service::read("launcher.toml", text) {
        Ok(spec) => {
            for written in [service::write(&spec), service::write_briefly(&spec)] {
                let again = service::read("launcher.toml", &written);
                assert_eq!(again.as_ref(), Ok(&spec), "{written}");
            }
        }
        Err(error) => {
            let line = text.lines().nth(error.line - 1).unwrap_or_default();
            assert_eq!(error.source_line, line);
            assert!(error.column <= line.chars().count() + 1, "{error}");
            assert!(!error.message.contains('\n') && !error.message.is_empty());
        }
    }
}

/// A path that is read has no segments that lead elsewhere, and is read as itself.
pub(crate) fn request_path(bytes: &[u8]) {
    let Ok(sent) = std::str::from_utf8(bytes) else { return };
    if !sent.starts_with('/') {
        return;
    }
    let Ok(read) = RequestPath::read(sent) else { return };
    let whole = RulePath::new("");
    assert!(read.begins_with(&RulePath::new("/")));
    let Some(seen) = read.below(&whole) else { panic!("every path is below nothing") };
    assert!(read.is(&RulePath::new(&seen)), "{seen}");
    let again = RequestPath::read(&seen).ok().and_then(|again| again.below(&whole));
    assert_eq!(again.as_deref(), Some(&*seen));
    let decoded: Vec<u8> = percent_decode_str(&seen).collect();
    assert!(!decoded.contains(&0));
    let mut segments = decoded[1..].split(|byte| *byte == b'/').peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        assert!(!matches!(segment, b"." | b"..") && (is_last || !segment.is_empty()), "{seen}");
    }
}

/// What is read of a text is read as the same when it is written anew.
pub(crate) fn texts(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    same_again::<BuildId>(text);
    same_again::<Bytes>(text);
    same_again::<EdgeName>(text);
    same_again::<ImageRef>(text);
    same_again::<Measure>(text);
    same_again::<PersonName>(text);
    same_again::<Position>(text);
    same_again::<Role>(text);
    same_again::<ServiceName>(text);
    same_again::<Span>(text);
    same_again::<VersionNumber>(text);
    same_again::<Window>(text);
    secrets(text);
    if let Some(place) = Place::read(text) {
        assert_eq!(Place::read(&place.to_text()), Some(place));
    }
    if let Ok(url) = RepositoryUrl::read(text) {
        let written = format!("{}/{}.git", url.origin, url.path);
        assert_eq!(RepositoryUrl::read(&written), Ok(url));
    }
}

fn same_again<T: FromStr + Display + PartialEq + Debug>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        let written = value.to_string();
        assert_eq!(written.parse::<T>().ok(), Some(value), "{written:?}");
    }
}

/// Those that do not print.
fn secrets(text: &str) {
    if let Ok(token) = text.parse::<JoinToken>() {
        let again = token.expose().parse::<JoinToken>();
        assert_eq!(again.map(|again| again.hash()), Ok(token.hash()));
    }
    if let Some(token) = TokenText::read(text) {
        assert_eq!(token.expose(), text);
    }
    let Ok(now) = Timestamp::from_second(1_800_000_000) else { panic!("there is such a time") };
    if let Some(round) = Round::read(text, now) {
        assert_eq!(Round::read(&round.cookie(), now), Some(round));
    }
}
