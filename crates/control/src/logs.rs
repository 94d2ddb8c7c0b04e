//! What an environment's containers print and have printed, as one log.
//!
//! It is put together from what is [kept](Kept) of containers that are gone and from what the engine has of
//! those that are there: first what was printed until now, in order of time, and then, for who follows, what
//! is printed, as it comes.

mod collect;
mod follow;
mod history;

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use jiff::Timestamp;
use launcher_logs::{End, Kept, Meta, Position};
use launcher_model::container::Container;
use launcher_model::{ServiceName, VersionNumber};
use launcher_scheduler::LogLine;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::slot::Slot;
use crate::{Control, Error, Inner, Result};

pub(crate) use collect::{Collecting, Ending, collect_ended};

/// So many lines wait for a slow reader; more are not read.
const BUFFER: usize = 64;
/// So many of the last lines may be asked for: they are held in memory.
pub const MOST_TAIL: u32 = 10_000;

/// Which part of an environment's log.
#[derive(Debug, Clone, Default)]
pub struct LogQuery {
    /// Go on with new lines until the environment runs no more.
    pub follow: bool,
    /// Only what was printed from then on.
    pub since: Option<Timestamp>,
    /// Only so many of the last lines, at most [`MOST_TAIL`]; all when none.
    pub tail: Option<u32>,
    /// Only of containers whose id, short id or name begins with one of these; of all when there is none.
    pub containers: Vec<String>,
    /// Only of containers in this place.
    pub slot: Option<u16>,
    /// Only lines that have this in them, in letters of either case; [`tail`](Self::tail) then counts those.
    pub find: Option<String>,
    /// Go on behind what a reader was told last.
    pub after: Option<Position>,
}

impl LogQuery {
    fn wants(&self, meta: &Meta) -> bool {
        let short = launcher_logs::short(&meta.id);
        let named = |prefix: &String| {
            [&meta.id, &short, &meta.name].iter().any(|name| name.starts_with(prefix.as_str()))
        };
        self.slot.is_none_or(|slot| slot == meta.slot)
            && (self.containers.is_empty() || self.containers.iter().any(named))
    }

    fn finds(&self, text: &str) -> bool {
        let contains = |sought: &String| text.to_lowercase().contains(&sought.to_lowercase());
        self.find.as_ref().is_none_or(contains)
    }

    fn is_narrow(&self) -> bool {
        self.slot.is_some() || !self.containers.is_empty()
    }
}

/// What is told of an environment's log.
#[derive(Debug, Clone)]
pub enum Entry {
    /// A line.
    Line(Arc<Meta>, LogLine),
    /// A container has come since this is followed, or since its reader went away.
    Began(Arc<Meta>),
    /// A container has ended.
    Ended {
        /// Which.
        container: Arc<Meta>,
        /// How.
        end: End,
    },
    /// Something about the log: what was left out of it.
    Note(String),
    /// Why lines are missing.
    Trouble(String),
    /// Nothing more comes.
    End {
        /// It was followed, and all its containers have ended.
        over: bool,
    },
}

/// An entry, and from where a reader goes on that has read it.
#[derive(Debug, Clone)]
pub struct Told {
    /// The entry.
    pub entry: Entry,
    /// How far it is then; none where that has not changed.
    pub position: Option<String>,
}

impl Control {
    /// The log of an environment. It is read no faster than the stream is.
    ///
    /// # Errors
    /// When there is no such version, nothing fits the query, or no log can be had at all.
    pub async fn logs(
        &self,
        service: &ServiceName,
        number: VersionNumber,
        query: LogQuery,
    ) -> Result<BoxStream<'static, Told>> {
        let inner = &self.inner;
        if query.tail.is_some_and(|tail| tail > MOST_TAIL) {
            let why = format!("tail is at most {MOST_TAIL}; leave it out, or narrow it with since");
            return Err(Error::Invalid(why));
        }
        if inner.store.environment(service, number).await?.is_none() {
            return Err(Error::NoVersion(service.clone(), number));
        }
        let slot = inner.slot(service).ok_or_else(|| Error::NoService(service.clone()))?;
        let begin = query.after.clone().unwrap_or_else(|| Position::after(query.since));
        let (to, told) = mpsc::channel(BUFFER);
        let mut teller = Teller {
            inner: Arc::clone(inner),
            slot,
            number,
            query,
            position: begin.clone(),
            begin,
            to,
        };
        // Before the first look, so that no change between the two is missed.
        let passes = teller.slot.passes();
        let observed = teller.first_look().await?;
        let history = teller.open(&observed).await?;
        tokio::spawn(async move {
            let to = teller.to.clone();
            tokio::select! {
                () = to.closed() => {}
                // It fails when nobody reads any more.
                _ = teller.run(observed, history, passes) => {}
            }
        });
        Ok(ReceiverStream::new(told).boxed())
    }
}

/// Nobody reads any more.
struct Unread;

/// Tells one reader.
struct Teller {
    inner: Arc<Inner>,
    slot: Arc<Slot>,
    number: VersionNumber,
    query: LogQuery,
    /// From where the reader wants to know.
    begin: Position,
    /// How far it has come.
    position: Position,
    to: mpsc::Sender<Told>,
}

impl Teller {
    async fn run(
        &mut self,
        observed: Vec<Container>,
        history: history::History,
        passes: tokio::sync::watch::Receiver<u64>,
    ) -> std::result::Result<(), Unread> {
        let seen = self.tell_history(&observed, history).await?;
        if self.query.follow {
            follow::Following::begin(self, seen).run(passes).await?;
        }
        self.say(Entry::End { over: self.query.follow }).await
    }

    /// The containers that are asked for, as they were last observed.
    fn observed(&self) -> Option<Vec<Container>> {
        let observed = self.slot.observed()?;
        let containers = observed.iter().map(|checked| &checked.container);
        let own = containers.filter(|container| {
            container.version == self.number && self.query.wants(&Meta::from(*container))
        });
        Some(own.cloned().collect())
    }

    /// Goes on behind a line that is not sought.
    fn pass_over(&mut self, container: &Meta, line: &LogLine) {
        self.position.advance(&container.id, line.stream, line.at);
    }

    async fn line(
        &mut self,
        container: &Arc<Meta>,
        line: LogLine,
    ) -> std::result::Result<(), Unread> {
        self.position.advance(&container.id, line.stream, line.at);
        let position = Some(self.position.to_string());
        let told = Told { entry: Entry::Line(Arc::clone(container), line), position };
        self.to.send(told).await.map_err(|_| Unread)
    }

    /// Tells that a container has come, if that was while the reader was away.
    async fn introduce(&mut self, container: &Arc<Meta>) -> std::result::Result<(), Unread> {
        let came_since = self.query.follow
            && self.query.after.is_some()
            && !self.position.knows(&container.id)
            && self.begin.newest().is_none_or(|newest| container.created > newest);
        if came_since { self.began(container).await } else { Ok(()) }
    }

    /// Tells that a container has come. Who has read it, and comes back, is not told again.
    async fn began(&mut self, container: &Arc<Meta>) -> std::result::Result<(), Unread> {
        self.position.set_apart(&container.id, self.begin.of(&container.id));
        let position = Some(self.position.to_string());
        let told = Told { entry: Entry::Began(Arc::clone(container)), position };
        self.to.send(told).await.map_err(|_| Unread)
    }

    async fn say(&self, entry: Entry) -> std::result::Result<(), Unread> {
        self.to.send(Told { entry, position: None }).await.map_err(|_| Unread)
    }

    fn kept(&self) -> &Kept {
        &self.inner.logs
    }
}
