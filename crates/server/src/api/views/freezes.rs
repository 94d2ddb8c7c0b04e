//! Freezes, and what goes live by itself.

use jiff::Timestamp;
use launcher_model::VersionNumber;
use launcher_model::plan::auto::{Plan, WaitsFor};
use launcher_model::service::{Deploy, Frozen};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A time in which nothing is deployed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FreezeView {
    /// The window that it comes from; windows that touch each other are one freeze.
    #[schema(example = "Fri 16:00 – Mon 08:00 Europe/Berlin")]
    pub window: String,
    /// When it begins.
    #[schema(value_type = String, format = DateTime)]
    pub from: Timestamp,
    /// When it is over.
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
    /// That in a few words for a person, on the clock of the window's zone.
    #[schema(example = "frozen until Mon 08:00 Europe/Berlin")]
    pub text: String,
}

impl FreezeView {
    /// The freeze that is now.
    pub(crate) fn now(deploy: &Deploy, now: Timestamp) -> Option<Self> {
        let frozen = deploy.frozen(now)?;
        Some(Self::new(&frozen, format!("frozen until {}", frozen.until_told(now))))
    }

    /// The freeze that comes next, when none is now.
    pub(crate) fn next(deploy: &Deploy, now: Timestamp) -> Option<Self> {
        let next = deploy.next_freeze(now).filter(|_| deploy.frozen(now).is_none())?;
        let (from, until) = (next.from_told(now), next.until_told(now));
        Some(Self::new(&next, format!("freezes at {from}, until {until}")))
    }

    fn new(frozen: &Frozen<'_>, text: String) -> Self {
        let (from, until) = (frozen.from, frozen.until);
        Self { window: frozen.window.to_string(), from, until, text }
    }
}

/// The version that goes live by itself next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AutoView {
    /// Which.
    pub version: VersionNumber,
    /// When, as far as that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<Timestamp>,
    /// What it waits for; nothing while it goes live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<WaitsFor>,
    /// That in a sentence for a person.
    #[schema(example = "v7 goes live by itself at Tue 14:05 UTC")]
    pub text: String,
}

impl AutoView {
    pub(crate) fn new(plan: &Plan<'_>, deploy: &Deploy, now: Timestamp) -> Self {
        let Plan { version, at, waits_for, .. } = *plan;
        Self { version, at, waits_for, text: plan.told(deploy, now) }
    }
}
