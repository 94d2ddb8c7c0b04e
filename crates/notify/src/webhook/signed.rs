//! The signed webhook, for programs.

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use reqwest::RequestBuilder;
use reqwest::header::CONTENT_TYPE;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use sha2::Sha256;

use launcher_model::event::Event;
use launcher_model::route::Deployment;

use crate::line::Line;
use crate::links::Links;
use crate::sink::Parcel;

/// What stands in the body.
#[derive(Serialize)]
struct Body<'a> {
    /// Which installation of Rocket Launcher tells.
    installation: &'a str,
    /// What happened; nothing in a test.
    event: Option<&'a Event>,
    /// The deployment that it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    deployment: Option<&'a Deployment>,
    /// The same in a sentence.
    text: &'a str,
    /// Where people can see more.
    url: &'a str,
    /// It says nothing but that messages come through.
    test: bool,
}

/// The body, and the id that it is recognized by when it comes twice.
pub(super) struct Told {
    id: Option<i64>,
    json: Vec<u8>,
}

pub(super) fn body(parcel: &Parcel, links: &Links, installation: &str) -> Told {
    let news = parcel.news.first();
    let nothing = || Line::new("", links.home(), false);
    let line = parcel.lines.first().cloned().unwrap_or_else(nothing);
    let body = Body {
        installation,
        event: news.map(|news| &news.event),
        deployment: news.and_then(|news| news.deployment.as_ref()),
        text: &line.text,
        url: &line.link,
        test: news.is_none(),
    };
    // Plain fields and strings as keys: there is nothing in it that JSON does not have.
    let json = serde_json::to_vec(&body).unwrap_or_default();
    Told { id: news.map(|news| news.event.id), json }
}

pub(super) fn request(
    request: RequestBuilder,
    secret: &SecretString,
    told: Told,
    now: Timestamp,
) -> RequestBuilder {
    let signature = signature(secret, now, &told.json);
    let id = told.id.map_or_else(|| "test".to_owned(), |id| id.to_string());
    request
        .header(CONTENT_TYPE, "application/json")
        .header("launcher-event-id", id)
        .header("launcher-signature", signature)
        .body(told.json)
}

/// The `Launcher-Signature` of a body: `t=SECONDS,v1=HEX`, where `v1` is the HMAC-SHA256 (RFC 2104) of the
/// seconds, a dot, and the body.
#[must_use]
pub fn signature(secret: &SecretString, now: Timestamp, body: &[u8]) -> String {
    let at = now.as_second();
    let key = secret.expose_secret().as_bytes();
    let mac = Hmac::<Sha256>::new_from_slice(key).map(|mut mac| {
        mac.update(format!("{at}.").as_bytes());
        mac.update(body);
        hex::encode(mac.finalize().into_bytes())
    });
    // A key may have any length: there is no error.
    format!("t={at},v1={}", mac.unwrap_or_default())
}
