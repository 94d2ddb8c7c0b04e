//! Containers' logs, which a manager gets from whichever host has them.

use std::time::Duration;

use bollard::models::Task;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::task::{self, ended};
use super::{Picture, Swarm};
use crate::docker::connection::Call;
use crate::docker::lines::{Stamps, lines};
use crate::docker::logs::query;
use crate::{Error, LogLine, LogOptions, LogStream, Result};

/// So many lines wait for a slow reader.
const BUFFER: usize = 64;
/// How often is looked whether a container has ended.
const LOOK: Duration = Duration::from_millis(250);
/// How long a log that breaks off waits before it is asked for again.
const AGAIN: Duration = Duration::from_millis(500);

impl Swarm {
    pub(super) async fn logs(
        &self,
        container: &str,
        options: LogOptions,
    ) -> Result<BoxStream<'static, Result<LogLine>>> {
        let picture = self.picture().await?;
        let missing = || Error::NoContainer(container.to_owned());
        let task = find(&picture, container).ok_or_else(missing)?;
        let id = task.id.clone().ok_or_else(missing)?;
        if options.follow {
            Ok(self.follow(id, options.tail))
        } else {
            self.read_log(&id, options).await
        }
    }

    /// One look at a task's log.
    async fn read_log(
        &self,
        task: &str,
        options: LogOptions,
    ) -> Result<BoxStream<'static, Result<LogLine>>> {
        let query = query(options);
        let open = |call: Call| {
            let query = query.clone();
            async move {
                let failing = call.clone();
                let pieces = call.api.task_logs(task, Some(query));
                let pieces = pieces.map(move |piece| piece.map_err(|error| failing.fail(error)));
                Ok(lines(pieces, Stamps::Each).boxed())
            }
        };
        self.0.managers.ask("reading a log", open).await
    }

    /// A task's log until the task has ended: the Swarm itself never ends it.
    pub(super) fn follow(
        &self,
        task: String,
        tail: Option<u32>,
    ) -> BoxStream<'static, Result<LogLine>> {
        let (to, lines) = mpsc::channel(BUFFER);
        let follower = Follower { swarm: self.clone(), task, to, last: Last::default() };
        tokio::spawn(follower.run(tail));
        ReceiverStream::new(lines).boxed()
    }
}

/// The task that is known by an id, or was.
pub(super) fn find<'a>(picture: &'a Picture, id: &str) -> Option<&'a Task> {
    let known =
        |found: &&Task| task::container(found) == Some(id) || found.id.as_deref() == Some(id);
    picture.tasks.iter().find(|task| !id.is_empty() && known(task))
}

struct Follower {
    swarm: Swarm,
    task: String,
    to: mpsc::Sender<Result<LogLine>>,
    last: Last,
}

/// When the last lines were printed that were passed on.
#[derive(Debug, Default)]
struct Last {
    stdout: Option<Timestamp>,
    stderr: Option<Timestamp>,
}

impl Last {
    /// Whether a line is news, which it then no longer is.
    fn take(&mut self, line: &LogLine) -> bool {
        let last = match line.stream {
            LogStream::Stdout => &mut self.stdout,
            LogStream::Stderr => &mut self.stderr,
        };
        let new = line.at.is_none() || line.at > *last;
        *last = (*last).max(line.at);
        new
    }
}

impl Follower {
    async fn run(mut self, tail: Option<u32>) {
        let to = self.to.clone();
        tokio::select! {
            outcome = self.pass_on(tail) => if let Err(error) = outcome {
                let _ = to.send(Err(error)).await;
            },
            () = to.closed() => {}
        }
    }

    async fn pass_on(&mut self, tail: Option<u32>) -> Result<()> {
        let mut options = LogOptions { tail, follow: true, ..LogOptions::default() };
        loop {
            let mut log = self.swarm.read_log(&self.task, options).await?;
            let end = self.swarm.clone().until_ended_task(self.task.clone());
            tokio::pin!(end);
            loop {
                tokio::select! {
                    line = log.next() => match line {
                        Some(Ok(line)) => self.tell(line).await,
                        Some(Err(error)) if error.is_passing() => break,
                        Some(Err(error)) => return Err(error),
                        None => break,
                    },
                    outcome = &mut end => {
                        outcome?;
                        return self.rest(tail).await;
                    }
                }
            }
            // It broke off, with the manager or with the host. What was told is not told again.
            options.tail = if self.last.is_empty() { tail } else { None };
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// What the log has beyond what was told, now that nothing is added to it any more.
    async fn rest(&mut self, tail: Option<u32>) -> Result<()> {
        let tail = if self.last.is_empty() { tail } else { None };
        let mut log =
            self.swarm.read_log(&self.task, LogOptions { tail, ..LogOptions::default() }).await?;
        while let Some(line) = log.next().await {
            self.tell(line?).await;
        }
        Ok(())
    }

    async fn tell(&mut self, line: LogLine) {
        if self.last.take(&line) {
            let _ = self.to.send(Ok(line)).await;
        }
    }
}

impl Last {
    fn is_empty(&self) -> bool {
        self.stdout.is_none() && self.stderr.is_none()
    }
}

impl Swarm {
    /// Waits until a task has ended, or is gone. Where somebody watches, that costs no call.
    async fn until_ended_task(self, task: String) -> Result<()> {
        loop {
            match self.picture().await {
                Ok(picture) if find(&picture, &task).is_none_or(ended) => return Ok(()),
                Err(error) if !error.is_passing() => return Err(error),
                _ => tokio::time::sleep(LOOK).await,
            }
        }
    }
}
