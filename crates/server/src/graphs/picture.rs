//! How a graph is drawn; and addresses that carry a signature.

use std::fmt::Write;

use axum::http::Uri;
use launcher_model::{Span, VersionNumber};
use serde::{Deserialize, Deserializer, de};
use subtle::ConstantTimeEq;

use super::subject::Subject;
use crate::App;
use crate::measured;

/// How it is drawn.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Picture {
    /// Of which versions; of what is live and what waits beside it when there is none. A host has none.
    #[serde(deserialize_with = "versions")]
    pub(crate) versions: Vec<VersionNumber>,
    /// Also of a few that were live in that time; so it is when no versions are named.
    pub(crate) past: Option<bool>,
    /// Of how long.
    pub(crate) range: Option<Span>,
    /// Until when; now when nothing is said.
    pub(crate) until: Option<String>,
    /// In pixels.
    pub(crate) width: Option<u32>,
    /// In pixels.
    pub(crate) height: Option<u32>,
    pub(crate) theme: Theme,
    /// The time zone of what stands under it, by its name; the server's when nothing is said.
    pub(crate) zone: Option<String>,
    /// Nothing: it makes the address another one, so that it is asked for again.
    pub(crate) at: Option<u64>,
    /// What shows that this server has made the address.
    pub(crate) signature: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Theme {
    #[default]
    Auto,
    Light,
    Dark,
}

fn versions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<VersionNumber>, D::Error> {
    let text = String::deserialize(deserializer)?;
    measured::versions(&text).map_err(|problem| de::Error::custom(problem.detail()))
}

impl Picture {
    /// The address of a graph that is drawn so, without the server's own.
    pub(crate) fn path(&self, subject: Subject<'_>, format: &str) -> String {
        let mut path = format!("{}.{format}", subject.path());
        let versions: Vec<String> = self.versions.iter().map(|one| one.0.to_string()).collect();
        let range = self.range.map(|range| range.to_string());
        let mut separator = '?';
        for (name, value) in [
            ("versions", (!versions.is_empty()).then(|| versions.join(","))),
            ("past", self.past.map(|past| past.to_string())),
            ("range", range),
            ("width", self.width.map(|width| width.to_string())),
            ("height", self.height.map(|height| height.to_string())),
            ("theme", self.theme.word().map(str::to_owned)),
            ("zone", self.zone.as_deref().map(escaped)),
        ] {
            if let Some(value) = value {
                // Writing to memory does not fail.
                let _ = write!(path, "{separator}{name}={value}");
                separator = '&';
            }
        }
        path
    }
}

impl Theme {
    /// Its word in an address; none for what is meant where nothing is said.
    fn word(self) -> Option<&'static str> {
        match self {
            Self::Auto => None,
            Self::Light => Some("light"),
            Self::Dark => Some("dark"),
        }
    }
}

/// A value as it stands in a query: a plus would be read as a space.
fn escaped(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte);
    value.bytes().fold(String::new(), |mut text, byte| {
        if plain(byte) {
            text.push(char::from(byte));
        } else {
            // Writing to memory does not fail.
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}

const SIGNATURE: &str = "signature=";

/// The address of a graph, with what shows that this server has made it: a whole one where the server knows its own.
/// What is signed is the path alone, so that an address holds on when the server is reached by another name.
pub(crate) fn signed(app: &App, subject: Subject<'_>, format: &str, picture: &Picture) -> String {
    let path = picture.path(subject, format);
    let signature = app.vault.sign_address(&path);
    let separator = if path.contains('?') { '&' } else { '?' };
    app.settings.page_url(&format!("{path}{separator}{SIGNATURE}{signature}"))
}

/// What is signed of an address, and its signature; none where it has none.
pub(super) fn apart(address: &str) -> Option<(&str, &str)> {
    let (path, signature) = address.rsplit_once(SIGNATURE)?;
    Some((path.strip_suffix(['?', '&']).unwrap_or(path), signature))
}

/// Whether an address was made by this server, as it is: with nothing added, and nothing changed.
pub(crate) fn is_signed(app: &App, uri: &Uri) -> bool {
    let Some(address) = uri.path_and_query() else { return false };
    let Some((path, signature)) = apart(address.as_str()) else { return false };
    app.vault.sign_address(path).as_bytes().ct_eq(signature.as_bytes()).into()
}
