//! When a version goes live without a person's hand.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Freeze;
use crate::Span;

/// What may be deployed when. Unless something is said here, deploying is a person's decision at any time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Deploy {
    /// The branch whose new versions go live by themselves once they are ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "main")]
    pub auto: Option<String>,
    /// How long a version is ready before it goes live by itself, so that somebody can look at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "10m")]
    pub after: Option<Span>,
    /// How long requests may be held around the flip when a version goes live by itself; they are not
    /// when nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "300ms")]
    pub hold: Option<Span>,
    /// Windows of time in which nothing goes live by itself, and a person needs to insist.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>, example = json!(["Fri 16:00 – Mon 08:00 Europe/Berlin"]))]
    pub freeze: Vec<Freeze>,
}
