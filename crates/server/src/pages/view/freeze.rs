//! That nothing is deployed now, or soon.

use jiff::{SignedDuration, Timestamp};
use launcher_model::service::Deploy;

use crate::api::views::FreezeView;

/// A freeze is told of so long before it begins.
const AHEAD: SignedDuration = SignedDuration::from_hours(24);

/// A freeze.
pub(crate) struct Freeze {
    /// It is now.
    pub(crate) now: bool,
    /// Until when, or from when on, as a sentence.
    pub(crate) told: String,
    /// The window that it comes from.
    pub(crate) window: String,
}

impl Freeze {
    /// The one that is, or that comes soon.
    pub(crate) fn of(deploy: &Deploy, now: Timestamp) -> Option<Self> {
        let is = FreezeView::now(deploy, now).map(|view| (true, view));
        let comes = || {
            let next = FreezeView::next(deploy, now);
            next.filter(|next| next.from.duration_since(now) <= AHEAD).map(|next| (false, next))
        };
        let (now, FreezeView { window, text, .. }) = is.or_else(comes)?;
        let mut letters = text.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        let told = first.into_iter().chain(letters).collect();
        Some(Self { now, told, window })
    }
}
