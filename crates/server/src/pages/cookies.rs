//! Cookies: read from a request, written into a response.

use axum::http::{HeaderMap, HeaderValue, header};

use crate::Settings;

/// A request's cookie of this name.
pub(super) fn read<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let lines = headers.get_all(header::COOKIE).into_iter();
    let pairs = lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(';'));
    pairs
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// A header that sets a cookie for so many seconds; 0 removes it. No script may read it, and no other
/// site's form or picture sends it.
pub(super) fn set(settings: &Settings, name: &str, value: &str, seconds: i64) -> HeaderValue {
    with(settings.secure_cookies, name, value, seconds)
}

/// The same; a secure one is sent over TLS alone.
pub(super) fn with(secure: bool, name: &str, value: &str, seconds: i64) -> HeaderValue {
    let secure = if secure { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    // Names are constants and values base64 and paths of ours.
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}
