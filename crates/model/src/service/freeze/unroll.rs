//! From windows on the wall's clock to instants.

use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan};

use super::read::of_week;
use super::{Clock, Frozen, When, Window};

/// Windows that touch each other are followed so often: those that leave no time at all have no end.
const MOST_STEPS: usize = 64;

/// The freeze that an instant is in.
pub(super) fn at<'a>(windows: &[&'a Window], now: Timestamp) -> Option<Frozen<'a>> {
    let longest = longest(windows, now)?;
    Some(Frozen { until: end(windows, longest.until), ..longest })
}

/// The first freeze that begins behind an instant.
pub(super) fn behind<'a>(windows: &[&'a Window], now: Timestamp) -> Option<Frozen<'a>> {
    let all = windows.iter().flat_map(|window| window.around(now));
    let next = all.filter(|one| one.from > now).min_by_key(|one| one.from)?;
    Some(Frozen { until: end(windows, next.until), ..next })
}

/// Of what an instant is in, what lasts longest.
fn longest<'a>(windows: &[&'a Window], at: Timestamp) -> Option<Frozen<'a>> {
    let all = windows.iter().flat_map(|window| window.around(at));
    all.filter(|one| (one.from..one.until).contains(&at)).max_by_key(|one| one.until)
}

/// Where the windows that go on at an instant end.
fn end(windows: &[&Window], mut until: Timestamp) -> Timestamp {
    for _ in 0..MOST_STEPS {
        match longest(windows, until) {
            Some(more) => until = more.until,
            None => break,
        }
    }
    until
}

impl Window {
    /// What it means around an instant: all that the instant is in, and the next.
    fn around(&self, at: Timestamp) -> impl Iterator<Item = Frozen<'_>> {
        let today = self.zone.to_datetime(at).date();
        let starts = match self.when {
            When::Once { from: (day, _), .. } => vec![day],
            When::Daily { .. } => (-2..=2).filter_map(|days| plus(today, days)).collect(),
            When::Weekly { .. } => {
                let monday = -i32::from(today.weekday().to_monday_zero_offset());
                (-2..=2).filter_map(|weeks| plus(today, monday + 7 * weeks)).collect()
            }
        };
        starts.into_iter().filter_map(|start| self.beginning(start))
    }

    /// What it means when its day, or the Monday of its week, is this one.
    fn beginning(&self, start: Date) -> Option<Frozen<'_>> {
        let (from, to) = match self.when {
            When::Once { from: (day, from), to: (last, to) } => (on(day, from.0)?, on(last, to.0)?),
            When::Daily { from, to } => (on(start, from.0)?, on(start, later(from.0, to.0, 1))?),
            When::Weekly { from: (day, from), to: (last, to) } => {
                let (from, to) = (of_week(day, from), of_week(last, to));
                (on(start, from)?, on(start, later(from, to, 7))?)
            }
        };
        let (from, until) = (first(&self.zone, from)?, last(&self.zone, to)?);
        // Nothing is left of one that lies in an hour that is left out.
        (from < until).then_some(Frozen { window: self, from, until })
    }
}

/// The end of a window that begins at `from`: behind it, on the next day or in the next week where it must.
fn later(from: u16, to: u16, days: u16) -> u16 {
    if to > from { to } else { to + days * Clock::END.0 }
}

fn plus(day: Date, days: i32) -> Option<Date> {
    day.checked_add(days.days()).ok()
}

/// So many minutes after a day began, on the clock.
fn on(day: Date, minutes: u16) -> Option<DateTime> {
    let (days, minutes) = (minutes / Clock::END.0, minutes % Clock::END.0);
    let midnight = plus(day, i32::from(days))?.at(0, 0, 0, 0);
    midnight.checked_add(i64::from(minutes).minutes()).ok()
}

/// When the clock first shows a time, or leaps over it.
fn first(zone: &TimeZone, clock: DateTime) -> Option<Timestamp> {
    instant(zone, clock, true)
}

/// When the clock last shows a time, or leaps over it.
fn last(zone: &TimeZone, clock: DateTime) -> Option<Timestamp> {
    instant(zone, clock, false)
}

fn instant(zone: &TimeZone, clock: DateTime, first: bool) -> Option<Timestamp> {
    match zone.to_ambiguous_timestamp(clock).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(clock).ok(),
        AmbiguousOffset::Fold { before, after } => {
            (if first { before } else { after }).to_timestamp(clock).ok()
        }
        AmbiguousOffset::Gap { after, .. } => {
            let before = after.to_timestamp(clock).ok()?;
            zone.following(before).next().map(|leap| leap.timestamp())
        }
    }
}
