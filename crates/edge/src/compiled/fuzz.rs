//! Doors to the readers of what a request asks for.

use http::HeaderMap;
use launcher_model::service::{self, Algorithm};
use secrecy::{ExposeSecret, SecretString};

use super::asked::Cookie;
use super::{Compression, HostBuffer, logins};

/// The hostname in a Host field.
#[must_use]
pub fn host(value: &[u8]) -> Option<String> {
    HostBuffer::new().read(value).map(str::to_owned)
}

/// The coding that is chosen for a client by a service with the usual rules.
#[must_use]
pub fn chosen_coding(headers: &HeaderMap) -> Option<Algorithm> {
    Compression::compile(Some(&service::Compression::default()))?.chosen(headers)
}

/// The user and the password of a request.
#[must_use]
pub fn credentials(headers: &HeaderMap) -> Option<(String, String)> {
    let text = |password: SecretString| password.expose_secret().to_owned();
    logins::credentials(headers).map(|(user, password)| (user, text(password)))
}

/// Every value of a cookie in a request.
#[must_use]
pub fn cookies(headers: &HeaderMap, name: &str) -> Vec<Vec<u8>> {
    Cookie::named(name.to_owned()).values(headers).map(<[u8]>::to_vec).collect()
}
