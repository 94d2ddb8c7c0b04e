//! The client, with real registries and with what answers as none should.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is test code")]

mod logins;
mod stranger;
mod strangers;
mod tls;
mod tokens;
mod verbs;

use std::collections::HashMap;
use std::time::Duration;

use launcher_model::image::{Digest, ImageRef, ImageRepository};
use launcher_registry::{Access, Login, Patience, Registries};

/// Once, for the client's TLS.
fn with_tls() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

fn repository(name: &str) -> ImageRepository {
    ImageRepository::new(name).unwrap()
}

fn image(name: &str) -> ImageRef {
    name.parse().unwrap()
}

fn digest(text: &str) -> Digest {
    Digest::new(text).unwrap()
}

fn login(user: &str, password: &str) -> Access {
    let login = Login { username: user.into(), password: password.to_owned().into() };
    Access { login: Some(login), authority: None }
}

/// A client that reaches one registry so.
fn client(registry: &str, access: Access) -> Registries {
    with_tls();
    let patience =
        Patience { connect: Duration::from_secs(2), answer: Duration::from_millis(1500) };
    Registries::with_patience(HashMap::from([(registry.to_owned(), access)]), None, patience)
}
