//! What is printed from now on, as it comes. Whatever changes is told by the service's loop: nothing is asked
//! again and again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream, SelectAll};
use jiff::Timestamp;
use launcher_logs::{End, Lines, Meta, Reached};
use launcher_model::container::{Container, ContainerPhase};
use launcher_model::environment::{EnvironmentState, Wanted};
use launcher_scheduler::{LogLine, LogOptions};
use tokio::sync::watch;

use super::history::{behind, missing};
use super::{Entry, Teller, Unread};

/// A log that broke off is asked for again so much later.
const AGAIN: Duration = Duration::from_secs(1);

enum Piece {
    Line(std::result::Result<LogLine, String>),
    Over,
}

/// What is known of a container.
struct Followed {
    meta: Arc<Meta>,
    /// Its log is being read.
    open: bool,
    /// It could not be read to its end.
    broken: bool,
    /// When it was started, when its log was last opened.
    run: Option<Timestamp>,
    /// When it ended, when that was told.
    ended: Option<Timestamp>,
    /// What was kept of it was read: the engine has it no more.
    last_words: bool,
}

/// Follows an environment's containers.
pub(super) struct Following<'t> {
    teller: &'t mut Teller,
    containers: HashMap<String, Followed>,
    lines: SelectAll<BoxStream<'static, (String, Piece)>>,
    /// What was there at the beginning is not told as having come.
    first: bool,
}

impl<'t> Following<'t> {
    /// Goes on where `seen` says that each container's log was read to.
    pub(super) fn begin(teller: &'t mut Teller, seen: HashMap<String, Reached>) -> Self {
        let observed = teller.observed().unwrap_or_default();
        for (container, reached) in seen {
            if observed.iter().any(|there| there.id == container) {
                teller.position.set_apart(&container, reached);
            }
        }
        Self { teller, containers: HashMap::new(), lines: SelectAll::new(), first: true }
    }

    /// Until the environment runs no more.
    pub(super) async fn run(
        mut self,
        mut passes: watch::Receiver<u64>,
    ) -> std::result::Result<(), Unread> {
        loop {
            passes.mark_unchanged();
            self.look().await?;
            if self.is_over().await {
                return Ok(());
            }
            loop {
                let again = self.containers.values().any(|one| one.broken && !one.open);
                tokio::select! {
                    biased;
                    Some((container, piece)) = self.lines.next(), if !self.lines.is_empty() => {
                        if self.take(&container, piece).await? {
                            break;
                        }
                    }
                    changed = passes.changed() => match changed {
                        Ok(()) => break,
                        // The service is gone.
                        Err(_) => return Ok(()),
                    },
                    () = tokio::time::sleep(AGAIN), if again => break,
                }
            }
        }
    }

    /// Takes in what came of a container. Whether its log is over.
    async fn take(&mut self, container: &str, piece: Piece) -> std::result::Result<bool, Unread> {
        let Some(followed) = self.containers.get_mut(container) else { return Ok(false) };
        match piece {
            Piece::Line(Ok(line)) => {
                let meta = Arc::clone(&followed.meta);
                if !self.teller.query.finds(&line.text) {
                    self.teller.pass_over(&meta, &line);
                    return Ok(false);
                }
                self.teller.line(&meta, line).await?;
                Ok(false)
            }
            // What is kept is not asked for again.
            Piece::Line(Err(trouble)) if followed.last_words => {
                let missing = missing(&followed.meta, &trouble);
                self.teller.say(missing).await?;
                Ok(false)
            }
            Piece::Line(Err(trouble)) => {
                tracing::debug!(%container, %trouble, "a log that is followed breaks off");
                followed.broken = true;
                Ok(false)
            }
            Piece::Over => {
                followed.open = false;
                // Who broke off waits before it is asked again.
                Ok(!followed.broken)
            }
        }
    }

    /// Compares the containers that there are with those that are followed.
    async fn look(&mut self) -> std::result::Result<(), Unread> {
        let observed = self.teller.observed().unwrap_or_default();
        for container in &observed {
            if !self.containers.contains_key(&container.id) {
                self.welcome(container).await?;
            }
            self.tend(container).await?;
        }
        self.first = false;
        let gone: Vec<String> = self
            .containers
            .iter()
            .filter(|(id, one)| !one.open && observed.iter().all(|there| there.id != **id))
            .map(|(id, _)| id.clone())
            .collect();
        for id in gone {
            self.part_with(&id).await?;
        }
        Ok(())
    }

    async fn welcome(&mut self, container: &Container) -> std::result::Result<(), Unread> {
        let meta = Arc::new(Meta::from(container));
        let told = self.first && self.teller.query.after.is_none();
        let ended = End::of(container).filter(|_| told).and_then(|end| end.at);
        let followed = Followed {
            meta: Arc::clone(&meta),
            open: false,
            broken: false,
            run: None,
            ended,
            last_words: false,
        };
        self.containers.insert(container.id.clone(), followed);
        if self.first {
            self.teller.introduce(&meta).await?;
            // From now on its lines come between those of others.
            let reached = self.teller.position.of(&container.id);
            self.teller.position.set_apart(&container.id, reached);
            return Ok(());
        }
        self.teller.began(&meta).await
    }

    /// Sees to it that a container's log is read, and its end told behind that.
    async fn tend(&mut self, container: &Container) -> std::result::Result<(), Unread> {
        let Some(followed) = self.containers.get_mut(&container.id) else { return Ok(()) };
        if followed.open {
            return Ok(());
        }
        let run = match container.phase {
            ContainerPhase::Running { since, .. } => Some(since),
            ContainerPhase::Exited { started, .. } => Some(started),
            _ => None,
        };
        if followed.broken || (run.is_some() && run != followed.run) {
            followed.run = run;
            return self.open(&container.id).await;
        }
        let Some(end) = End::of(container) else { return Ok(()) };
        if followed.ended == end.at {
            return Ok(());
        }
        followed.ended = end.at;
        let container = Arc::clone(&followed.meta);
        self.teller.say(Entry::Ended { container, end }).await
    }

    async fn open(&mut self, id: &str) -> std::result::Result<(), Unread> {
        let reached = self.teller.position.of(id);
        let options = LogOptions { tail: None, since: reached.since(), follow: true };
        let opened = self.teller.inner.scheduler.logs(id, options).await;
        let Some(followed) = self.containers.get_mut(id) else { return Ok(()) };
        match opened {
            Ok(log) => {
                followed.broken = false;
                let log = log.map(|line| line.map_err(|error| error.to_string())).boxed();
                self.read(id, reached, log);
            }
            Err(error) if error.is_passing() => followed.broken = true,
            // The next look will not show it.
            Err(launcher_scheduler::Error::NoContainer(_)) => followed.broken = false,
            Err(error) => {
                followed.broken = false;
                let name = &followed.meta.name;
                let trouble = format!("the log of container {name} cannot be read: {error}");
                self.teller.say(Entry::Trouble(trouble)).await?;
            }
        }
        Ok(())
    }

    fn read(&mut self, id: &str, reached: Reached, lines: Lines) {
        if let Some(followed) = self.containers.get_mut(id) {
            followed.open = true;
        }
        let (line_of, over) = (id.to_owned(), id.to_owned());
        let lines = behind(reached, lines).map(move |line| (line_of.clone(), Piece::Line(line)));
        let over = stream::once(async move { (over, Piece::Over) });
        self.lines.push(lines.chain(over).boxed());
    }

    /// The engine has it no more: what it said at last may have been kept only.
    async fn part_with(&mut self, id: &str) -> std::result::Result<(), Unread> {
        let Some(followed) = self.containers.get_mut(id) else { return Ok(()) };
        let (service, number) = (&self.teller.slot.name, self.teller.number);
        if !std::mem::replace(&mut followed.last_words, true)
            && let Some(log) = self.teller.inner.logs.find(service, number, id)
        {
            followed.broken = false;
            let reached = self.teller.position.of(id);
            let (lines, _) = log.lines(reached.since(), None);
            self.read(id, reached, lines);
            return Ok(());
        }
        let Some(followed) = self.containers.remove(id) else { return Ok(()) };
        if followed.ended.is_some() {
            return Ok(());
        }
        let kept = self.teller.inner.logs.find(service, number, id);
        let end = kept.map(|log| log.end()).unwrap_or_default();
        self.teller.say(Entry::Ended { container: followed.meta, end }).await
    }

    /// Whether nothing more is to come.
    async fn is_over(&mut self) -> bool {
        if self.containers.values().any(|one| one.open || one.broken) {
            return false;
        }
        let observed = self.teller.observed().unwrap_or_default();
        if observed.iter().any(Container::is_running) {
            return false;
        }
        if !self.teller.query.containers.is_empty() {
            return true;
        }
        let (service, number) = (&self.teller.slot.name, self.teller.number);
        match self.teller.inner.store.environment(service, number).await {
            Ok(Some(environment)) => match environment.state {
                EnvironmentState::Destroyed => true,
                EnvironmentState::Failed | EnvironmentState::Stopped => {
                    environment.wanted != Wanted::Running
                }
                EnvironmentState::Creating | EnvironmentState::Ready => false,
            },
            Ok(None) => true,
            Err(_) => false,
        }
    }
}
