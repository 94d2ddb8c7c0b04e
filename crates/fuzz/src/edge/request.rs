//! Fields of requests.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::header::{self, HeaderName};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue};
use launcher_edge::fuzz;

/// A field for each line, as far as it may be one.
fn fields(name: &HeaderName, bytes: &[u8]) -> HeaderMap {
    let values = bytes.split(|byte| *byte == b'\n').map(HeaderValue::from_bytes);
    values.filter_map(Result::ok).map(|value| (name.clone(), value)).collect()
}

/// The same fields as one.
fn joined(headers: &HeaderMap, name: &HeaderName, between: &[u8]) -> HeaderMap {
    let values: Vec<&[u8]> = headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
    fields(name, &values.join(between))
}

/// A hostname is in lower case and no longer than one may be, and the one that a foreign library reads.
pub(crate) fn host(bytes: &[u8]) {
    let Some(host) = fuzz::host(bytes) else { return };
    assert!(!host.is_empty() && host.len() <= 255);
    assert!(!host.bytes().any(|byte| byte.is_ascii_uppercase() || b"/?#@ ".contains(&byte)));
    if let Ok(authority) = Authority::try_from(bytes) {
        let known = authority.host().to_ascii_lowercase();
        assert_eq!(known.strip_suffix('.').unwrap_or(&known), host);
    }
}

/// A coding is chosen only where its name was said, or any was, and it makes no difference how a client
/// writes the same.
pub(crate) fn codings(bytes: &[u8]) {
    let name = &header::ACCEPT_ENCODING;
    let headers = fields(name, bytes);
    let chosen = fuzz::chosen_coding(&headers);
    let all = joined(&headers, name, b", ");
    assert_eq!(fuzz::chosen_coding(&all), chosen, "in one field");
    assert_eq!(fuzz::chosen_coding(&fields(name, &bytes.to_ascii_uppercase())), chosen);
    let said = bytes.to_ascii_lowercase();
    if let Some(coding) = chosen {
        let word = format!("{coding:?}").to_ascii_lowercase();
        let is_said = said.windows(word.len()).any(|part| part == word.as_bytes());
        assert!(is_said || said.contains(&b'*'), "{coding:?}");
    }
}

/// What was written as a user and a password is read as them.
pub(crate) fn credentials(bytes: &[u8]) {
    let name = &header::AUTHORIZATION;
    let read = |value: &[u8]| fuzz::credentials(&fields(name, value));
    let written = |text: &[u8]| format!("Basic {}", BASE64_STANDARD.encode(text)).into_bytes();
    if let Some((user, password)) = read(bytes) {
        assert!(!user.contains(':'));
        let again = written(format!("{user}:{password}").as_bytes());
        assert_eq!(read(&again), Some((user, password)));
    }
    let text = std::str::from_utf8(bytes).ok();
    let expected = text.and_then(|text| text.split_once(':'));
    let expected = expected.map(|(user, password)| (user.to_owned(), password.to_owned()));
    assert_eq!(read(&written(bytes)), expected);
}

/// Edge and server find the same cookies, in one field or in several.
pub(crate) fn cookies(bytes: &[u8]) {
    const COOKIE: &str = "launcher";
    let headers = fields(&header::COOKIE, bytes);
    let found = fuzz::cookies(&headers, COOKIE);
    let one = joined(&headers, &header::COOKIE, b"; ");
    assert_eq!(fuzz::cookies(&one, COOKIE), found, "in one field");
    let plain = headers.values().all(|value| value.to_str().is_ok());
    if plain {
        let first = launcher_server::fuzz::cookie(&headers, COOKIE).map(str::as_bytes);
        assert_eq!(first, found.first().map(Vec::as_slice));
    }
}
