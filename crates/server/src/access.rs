//! Who may do what: one table says what each call needs, one check holds every call to it, and one record
//! keeps who did what.

mod audit;
mod check;
mod door;
mod table;

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

pub(crate) use audit::Note;
pub(crate) use check::{Guard, guard};
pub use table::{Door, Needs, Rule, rules};

/// What a request tells of where it comes from.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    /// The address, where the server knows it.
    pub address: Option<IpAddr>,
    /// What the browser calls itself.
    pub agent: Option<String>,
}

/// As much is kept of what a browser calls itself, in characters.
const AGENT: usize = 200;

impl Caller {
    fn of(parts: &Parts) -> Self {
        let info = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let address = info.map(|ConnectInfo(address)| address.ip().to_canonical());
        Self { address, agent: agent(&parts.headers) }
    }
}

fn agent(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::USER_AGENT)?.to_str().ok()?;
    Some(text.chars().take(AGENT).collect())
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(parts))
    }
}
