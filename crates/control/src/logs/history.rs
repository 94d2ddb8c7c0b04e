//! What was printed until now.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use jiff::{SignedDuration, Timestamp};
use launcher_logs::{
    Damaged, End, Found, KeptLog, Lines, Meta, Reached, Source, Told, merge, short, straighten,
};
use launcher_model::container::Container;
use launcher_scheduler::{LogLine, LogOptions};

use super::{Entry, Teller, Unread};
use crate::engine::EngineState;
use crate::{Error, Result};

/// How long a server that was just started has to look at the service's containers.
const FIRST_LOOK: Duration = Duration::from_secs(10);
/// A host that sends nothing of a log for so long does not hold up the others.
const SILENCE: Duration = Duration::from_secs(10);
/// Who comes back is told again of ends that were so long before the last line: they are told when they are
/// observed.
const TOLD_AGAIN: SignedDuration = SignedDuration::from_secs(10);
/// So much of the last lines is held, in bytes.
const MOST_HELD: usize = 32 << 20;

/// The logs that there are, opened.
pub(super) struct History {
    sources: Vec<Source<Arc<Meta>>>,
    notes: Vec<Entry>,
    /// How containers have ended of which that is told.
    ends: HashMap<String, End>,
}

impl Teller {
    /// The containers that there are, once they have been looked at.
    pub(super) async fn first_look(&self) -> Result<Vec<Container>> {
        let mut passes = self.slot.passes();
        let looked = async {
            loop {
                if let Some(observed) = self.observed() {
                    return Ok(observed);
                }
                let why = match self.inner.engine_state() {
                    EngineState::Lost { why, .. } => why,
                    EngineState::Up | EngineState::Unknown => String::new(),
                };
                if !why.is_empty() {
                    return Err(self.unreachable(why));
                }
                if passes.changed().await.is_err() {
                    return Err(Error::NoService(self.slot.name.clone()));
                }
            }
        };
        tokio::time::timeout(FIRST_LOOK, looked).await.unwrap_or_else(|_elapsed| {
            let why = "they have not been looked at since the start; try again".to_owned();
            Err(self.unreachable(why))
        })
    }

    fn unreachable(&self, why: String) -> Error {
        let engine = self.inner.scheduler.capabilities().name.to_owned();
        let doing = "looking at containers";
        launcher_scheduler::Error::Unreachable { engine, doing, why }.into()
    }

    /// Opens what is kept, and what the engine has.
    pub(super) async fn open(&mut self, observed: &[Container]) -> Result<History> {
        let (service, number) = (self.slot.name.clone(), self.number);
        let mut sources = Vec::new();
        let mut notes = Vec::new();
        let mut ends = HashMap::new();
        let mut failed = None;
        let mut there = HashSet::new();
        for container in observed {
            let meta = Arc::new(Meta::from(container));
            // Who comes back is told of these by what follows.
            let end = End::of(container).filter(|_| self.query.after.is_none());
            let end = self.end(&meta, end, &mut ends);
            match self.inner.scheduler.logs(&container.id, self.options(&container.id)).await {
                Ok(log) => {
                    there.insert(container.id.clone());
                    let lines =
                        patient(log.map(|line| line.map_err(|error| error.to_string())).boxed());
                    sources.push(self.source(meta, straighten(lines), None, end));
                }
                // It was removed since, and kept before that.
                Err(launcher_scheduler::Error::NoContainer(_)) => {}
                Err(error) => {
                    there.insert(container.id.clone());
                    let trouble =
                        format!("the log of container {} cannot be read: {error}", container.name);
                    notes.push(Entry::Trouble(trouble));
                    failed.get_or_insert(error);
                    sources.extend(
                        end.map(|end| self.source(meta, stream::empty().boxed(), None, Some(end))),
                    );
                }
            }
        }
        // Looked for after what is observed: what goes from there is here.
        let Found { logs, damaged } = self.kept().list(&service, number).await?;
        let mut found = !observed.is_empty();
        let damaged = damaged.into_iter().filter(|one| self.may_be(one, &there));
        for one in damaged {
            found = true;
            notes.push(unreadable(&one));
        }
        for log in logs {
            let meta = log.container();
            if there.contains(&meta.id) || !self.query.wants(meta) {
                continue;
            }
            found = true;
            notes.extend(left_out(&log));
            let end = self.end(meta, Some(log.end()), &mut ends);
            sources.push(self.kept_source(&log, end));
        }
        if let Some(error) = failed
            && sources.is_empty()
        {
            return Err(error.into());
        }
        if !found && self.query.is_narrow() {
            return Err(Error::Refused(format!(
                "{service} {number} has no such container, and no log of one is kept; `launcher logs {service} \
                 {number}` shows those of all, with their ids"
            )));
        }
        notes.extend(self.losses());
        Ok(History { sources, notes, ends })
    }

    /// Whether a damaged log may be one that is asked for. Which place its container filled stood in it.
    fn may_be(&self, damaged: &Damaged, there: &HashSet<String>) -> bool {
        let Some(id) = &damaged.id else { return true };
        let prefixes = &self.query.containers;
        let is_named = |prefix: &String| id.starts_with(prefix) || short(id).starts_with(prefix);
        !there.contains(id) && (prefixes.is_empty() || prefixes.iter().any(is_named))
    }

    /// What is missing altogether.
    fn losses(&self) -> Vec<Entry> {
        let (service, number) = (&self.slot.name, self.number);
        let gone = self.kept().left_out(service, number).map(|until| {
            Entry::Note(format!(
                "what containers printed until {until} was left out, at least in part: the logs that are kept of \
                 this environment were too long"
            ))
        });
        let lost = self.kept().lost(service, number).into_iter();
        let lost = lost.filter(|lost| self.query.wants(&lost.container)).map(|lost| {
            let name = &lost.container.name;
            Entry::Trouble(format!(
                "the log of container {name}, which is gone, is lost: {}",
                lost.why
            ))
        });
        gone.into_iter().chain(lost).collect()
    }

    fn options(&self, container: &str) -> LogOptions {
        LogOptions {
            // Which lines are the last that are sought is known when all were read.
            tail: self
                .query
                .tail
                .filter(|_| self.query.after.is_none() && self.query.find.is_none()),
            since: self.begin.of(container).since(),
            follow: false,
        }
    }

    /// When a container ended, if a reader is to be told; then how is kept in `ends`.
    fn end(
        &self,
        container: &Meta,
        end: Option<End>,
        ends: &mut HashMap<String, End>,
    ) -> Option<Timestamp> {
        let end = end?;
        let from = match &self.query.after {
            Some(position) => position.newest().map(|newest| newest - TOLD_AGAIN),
            None => self.query.since,
        };
        let at = end.at.filter(|at| from.is_none_or(|from| *at >= from))?;
        ends.insert(container.id.clone(), end);
        Some(at)
    }

    fn kept_source(&self, log: &KeptLog, end: Option<Timestamp>) -> Source<Arc<Meta>> {
        let meta = Arc::new(log.container().clone());
        let LogOptions { tail, since, .. } = self.options(&meta.id);
        let (lines, first) = log.lines(since, tail.map(u64::from));
        self.source(meta, straighten(lines), first, end)
    }

    /// What of a log the reader has not been told.
    fn source(
        &self,
        whose: Arc<Meta>,
        lines: Lines,
        first: Option<Timestamp>,
        end: Option<Timestamp>,
    ) -> Source<Arc<Meta>> {
        let lines = behind(self.begin.of(&whose.id), lines);
        Source { whose, first, lines, end }
    }

    /// Tells it, in order of time. Returns how far each container's log was read.
    pub(super) async fn tell_history(
        &mut self,
        observed: &[Container],
        history: History,
    ) -> std::result::Result<HashMap<String, Reached>, Unread> {
        let History { sources, mut notes, ends } = history;
        // A reader that comes back was told.
        notes.retain(|note| self.query.after.is_none() || !matches!(note, Entry::Note(_)));
        for note in notes {
            self.say(note).await?;
        }
        let tail = self.query.tail.filter(|_| self.query.after.is_none());
        let mut last = tail.map(|tail| Last::new(usize::try_from(tail).unwrap_or(usize::MAX)));
        let mut seen: HashMap<String, Reached> = HashMap::new();
        if tail == Some(0) {
            let now = Reached::both(Some(self.inner.now()));
            seen.extend(observed.iter().map(|container| (container.id.clone(), now)));
        }
        let merged = merge(sources);
        tokio::pin!(merged);
        while let Some((whose, told)) = merged.next().await {
            match told {
                Told::Line(line) => {
                    let begin = || {
                        let begin = self.begin.of(&whose.id);
                        // What was printed before the last lines is not asked for, on either stream.
                        if tail.is_some() { begin.at_least(line.at) } else { begin }
                    };
                    let reached = seen.entry(whose.id.clone()).or_insert_with(begin);
                    reached.advance(line.stream, line.at);
                    if !self.query.finds(&line.text) {
                        continue;
                    }
                    match &mut last {
                        Some(last) => last.push(whose, line),
                        None => {
                            self.introduce(&whose).await?;
                            self.line(&whose, line).await?;
                        }
                    }
                }
                Told::Broken(trouble) => {
                    self.say(missing(&whose, &trouble)).await?;
                }
                Told::End => match &mut last {
                    Some(last) => last.end(whose),
                    None => self.ended(whose, &ends).await?,
                },
            }
        }
        for (whose, line) in last.into_iter().flat_map(|last| last.told) {
            match line {
                Some(line) => self.line(&whose, line).await?,
                None => self.ended(whose, &ends).await?,
            }
        }
        Ok(seen)
    }

    async fn ended(
        &mut self,
        container: Arc<Meta>,
        ends: &HashMap<String, End>,
    ) -> std::result::Result<(), Unread> {
        let Some(end) = ends.get(&container.id).copied() else { return Ok(()) };
        self.introduce(&container).await?;
        self.say(Entry::Ended { container, end }).await
    }
}

/// The lines that are behind what was reached when they were asked for.
pub(super) fn behind(reached: Reached, lines: Lines) -> Lines {
    let new = move |line: &std::result::Result<LogLine, String>| {
        let new = line.as_ref().map_or(true, |line| !reached.is_past(line.stream, line.at));
        std::future::ready(new)
    };
    lines.filter(new).boxed()
}

fn left_out(log: &KeptLog) -> Vec<Entry> {
    let name = &log.container().name;
    let mut notes = Vec::new();
    if log.left_out() > 0 {
        notes.push(Entry::Note(format!(
            "the first {} lines of container {name} were left out: its log was too long to be kept",
            log.left_out()
        )));
    }
    if let Some(why) = log.cut() {
        notes.push(Entry::Note(format!("the log of container {name} breaks off: {why}")));
    }
    notes
}

/// What is told in the place of lines.
pub(super) fn missing(container: &Meta, trouble: &str) -> Entry {
    Entry::Trouble(format!("lines of container {} are missing: {trouble}", container.name))
}

fn unreadable(damaged: &Damaged) -> Entry {
    let of = damaged.id.as_deref().map(|id| format!(" of container {}", short(id)));
    let of = of.unwrap_or_default();
    Entry::Trouble(format!(
        "the log{of} that was kept when it went cannot be read: {}",
        damaged.why
    ))
}

/// Lines, until none comes for long, or the engine fails.
fn patient(lines: Lines) -> Lines {
    let next = |lines: Option<BoxStream<'static, _>>| async move {
        let mut lines = lines?;
        match tokio::time::timeout(SILENCE, lines.next()).await {
            Ok(line) => line.map(|line: std::result::Result<LogLine, String>| {
                let goes_on = line.is_ok();
                (line, goes_on.then_some(lines))
            }),
            Err(_elapsed) => Some((Err("its host sends nothing".to_owned()), None)),
        }
    };
    stream::unfold(Some(lines), next).boxed()
}

/// The last lines of what is read, and the ends of containers among them.
struct Last {
    most: usize,
    lines: usize,
    bytes: usize,
    /// Lines, and nothing where a container ended.
    told: VecDeque<(Arc<Meta>, Option<LogLine>)>,
    /// There were more.
    is_part: bool,
}

impl Last {
    fn new(most: usize) -> Self {
        // Who asks for no line asks for nothing that was.
        Self { most, lines: 0, bytes: 0, told: VecDeque::new(), is_part: most == 0 }
    }

    fn push(&mut self, whose: Arc<Meta>, line: LogLine) {
        self.bytes += line.text.len();
        self.lines += 1;
        self.told.push_back((whose, Some(line)));
        while self.lines > self.most || (self.bytes > MOST_HELD && self.lines > 1) {
            self.is_part = true;
            if let Some((_, Some(line))) = self.told.pop_front() {
                self.bytes -= line.text.len();
                self.lines -= 1;
            }
        }
        // Ends that were before the first of the lines.
        while self.is_part && matches!(self.told.front(), Some((_, None))) {
            self.told.pop_front();
        }
    }

    fn end(&mut self, whose: Arc<Meta>) {
        if !(self.is_part && self.told.is_empty()) {
            self.told.push_back((whose, None));
        }
    }
}
