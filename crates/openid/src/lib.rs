//! Signing in by a provider of [OpenID Connect](https://openid.net/specs/openid-connect-core-1_0.html): the
//! authorization code flow with PKCE (RFC 7636). Who somebody is here, and what they may do, is read from
//! what the provider says of them; sessions are not this crate's.

mod error;
mod http;
mod person;
mod provider;
mod round;
mod settings;

pub use error::{Error, Result};
pub use person::{Somebody, Unnamed};
pub use provider::OpenId;
pub use round::Round;
pub use settings::{CLAIM, GROUPS, Settings};
