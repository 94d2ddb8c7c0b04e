//! Tells others what happened: IRC, chats' webhooks, email, signed webhooks, Sensu.
//!
//! The store has every event, in order; each target has its place in that order ([`Notifier`]). Nothing is
//! kept beside it, so no message is lost with this process, and one that could not be told is told later.

mod answers;
mod deliver;
mod email;
mod error;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzz;
mod guard;
mod http;
mod irc;
mod line;
mod links;
mod news;
mod notifier;
mod rule;
mod sensu;
mod sink;
mod webhook;
mod words;

use std::sync::Arc;

use jiff::Timestamp;

pub use answers::Answers;
pub use email::{Email, MailTls};
pub use error::{Error, Refusal};
pub use irc::{Channel, IrcServer, IrcTls, Login};
pub use line::Line;
pub use links::{Links, PreviewUrl};
pub use news::News;
pub use notifier::{Config, Notifier, Parts, Place, TargetState, To};
pub use rule::Rule;
pub use sensu::{DEFAULT_URL as SENSU_URL, Sensu};
pub use webhook::{Webhook, WebhookKind, signature};

/// What setting up a target, or telling of targets, comes to.
pub type Result<T> = std::result::Result<T, Error>;

/// Where the time comes from.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;
