//! What is to be told next.

use std::collections::VecDeque;

use jiff::Timestamp;
use launcher_model::event::Event;
use launcher_store::EventFilter;

use super::{Common, Target};
use crate::line::Line;
use crate::links::Links;
use crate::news::News;
use crate::sink::{Parcel, Takes};

/// So many events are read at once.
const BATCH: u32 = 200;

/// What is to be told next, and how far that goes.
#[derive(Debug)]
pub(super) struct Scan {
    /// What is told, in order.
    pub(super) news: Vec<News>,
    /// So many before them are told as a number only.
    pub(super) folded: u64,
    /// Once that is done, everything up to this event is.
    pub(super) up_to: i64,
    /// So many are too old to be told.
    pub(super) too_old: u64,
    /// The last of them.
    pub(super) too_old_up_to: i64,
    /// What comes next waits until then for how it ends.
    pub(super) settles: Option<Timestamp>,
    /// There may be more behind that.
    pub(super) more: bool,
}

/// How many at once, and how many one by one; none for no end.
struct Limits {
    at_once: usize,
    newest: Option<usize>,
}

impl Limits {
    fn of(takes: Takes, singly: bool) -> Self {
        match takes {
            Takes::Each => Self { at_once: 1, newest: None },
            Takes::Lines { at_once, newest } => {
                Self { at_once: if singly { 1 } else { at_once.get() }, newest: Some(newest.get()) }
            }
        }
    }
}

impl Scan {
    /// Looks at what comes behind `after`.
    pub(super) async fn of(
        common: &Common,
        target: &Target,
        after: i64,
        singly_up_to: i64,
        now: Timestamp,
    ) -> launcher_store::Result<Self> {
        let limits = Limits::of(target.sink.takes(), after < singly_up_to);
        let mut scan = Self::nothing(after);
        let found = scan.read(common, target, &limits, now).await?;
        scan.pick(common, target, &limits, (after, found), now).await?;
        Ok(scan)
    }

    fn nothing(up_to: i64) -> Self {
        Self {
            news: Vec::new(),
            folded: 0,
            up_to,
            too_old: 0,
            too_old_up_to: up_to,
            settles: None,
            more: false,
        }
    }

    /// Reads events until there are enough, or none is left. Of those that are told as lines the newest
    /// are kept, and the others are counted.
    async fn read(
        &mut self,
        common: &Common,
        target: &Target,
        limits: &Limits,
        now: Timestamp,
    ) -> launcher_store::Result<VecDeque<Event>> {
        let mut found = VecDeque::new();
        loop {
            let after = Some(self.up_to);
            let filter = EventFilter { after, limit: BATCH, ..EventFilter::default() };
            let events = common.store.events(&filter).await?;
            let last = events.len() < BATCH as usize;
            for event in events {
                self.up_to = event.id;
                if !target.rule.tells(&event) {
                    continue;
                }
                if now.duration_since(event.at) > common.give_up_after {
                    self.too_old += 1;
                    self.too_old_up_to = event.id;
                    continue;
                }
                found.push_back(event);
                match limits.newest {
                    Some(newest) if found.len() > newest => {
                        found.pop_front();
                        self.folded += 1;
                    }
                    // One is enough, and there is one.
                    None if found.len() > limits.at_once => {
                        self.more = true;
                        return Ok(found);
                    }
                    _ => {}
                }
            }
            if last {
                return Ok(found);
            }
        }
    }

    /// Takes as many of them as are told at once.
    async fn pick(
        &mut self,
        common: &Common,
        target: &Target,
        limits: &Limits,
        (after, found): (i64, VecDeque<Event>),
        now: Timestamp,
    ) -> launcher_store::Result<()> {
        for event in found {
            let before = event.id - 1;
            if self.news.len() == limits.at_once {
                (self.up_to, self.more) = (before, true);
                return Ok(());
            }
            let news = News::of(&*common.store, event).await?;
            if is_left_out(&news, target) {
                continue;
            }
            self.settles = news.settles_at(now);
            if self.settles.is_some() {
                // What is folded is told with what it comes before.
                let folded_alone = self.folded > 0 && self.news.is_empty();
                self.up_to = if folded_alone { after } else { before };
                return Ok(());
            }
            self.news.push(news);
        }
        Ok(())
    }

    /// How many events are told.
    pub(super) fn events(&self) -> u64 {
        self.folded + u64::try_from(self.news.len()).unwrap_or(u64::MAX)
    }

    /// What is sent; none when there is nothing to tell yet.
    pub(super) fn parcel(&self, links: &Links, now: Timestamp) -> Option<Parcel> {
        if self.news.is_empty() {
            return None;
        }
        let folded = (self.folded > 0).then(|| Line::folded(self.folded, links));
        let lines = folded.into_iter().chain(self.news.iter().map(|news| Line::of(news, links)));
        Some(Parcel { news: self.news.clone(), lines: lines.collect(), now })
    }
}

/// Whether a target is not told of an event that its rule is about: because it makes nothing of it, or
/// because people read the same in another line. Programs count events, and get each.
fn is_left_out(news: &News, target: &Target) -> bool {
    let in_lines = target.sink.takes() != Takes::Each;
    let said = || news.said_by().is_some_and(|other| target.rule.tells(&other));
    !target.sink.wants(news) || (in_lines && said())
}
