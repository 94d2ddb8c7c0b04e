//! Following a one-off container to its end.

use std::time::Duration;

use bollard::errors::Error as EngineError;
use bollard::query_parameters::{
    InspectContainerOptions, KillContainerOptionsBuilder, WaitContainerOptions,
};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::connection::{Call, is_missing, refusal};
use super::create::Made;
use super::logs;
use super::observe::time;
use crate::{Error, LogLine, LogOptions, Output, Result};

/// So many lines wait for a slow reader.
pub(super) const BUFFER: usize = 64;
/// The exit status of what was killed.
const KILLED: i64 = 128 + 9;

/// What is left of the time that a container was given, counted from its start.
fn remaining(timeout: Duration, made: &Made) -> Duration {
    let started = made.found.as_ref().and_then(|state| state.started_at.as_deref()).and_then(time);
    let elapsed = started.map(|started| Timestamp::now().duration_since(started));
    timeout.saturating_sub(elapsed.and_then(|past| past.try_into().ok()).unwrap_or_default())
}

/// Tells what a container prints, and kills it when its time is over.
pub(super) struct Follower {
    call: Call,
    id: String,
    command: String,
    timeout: Duration,
    deadline: Instant,
}

impl Follower {
    /// For a container that was started, or that an earlier attempt had started.
    pub(super) fn new(call: Call, made: Made, command: &[String], timeout: Duration) -> Self {
        Self {
            deadline: Instant::now() + remaining(timeout, &made),
            timeout,
            command: command.join(" "),
            id: made.id,
            call,
        }
    }

    /// Passes on what the container prints, and gives its exit status.
    pub(super) async fn follow(&self, to: &mpsc::Sender<Result<Output>>) -> Result<i64> {
        let options = LogOptions { follow: true, ..LogOptions::default() };
        let mut log = logs::read(&self.call, &self.id, options);
        let in_time = tokio::time::timeout_at(self.deadline, self.tell(&mut log, to)).await;
        match in_time {
            Ok(outcome) => outcome,
            Err(_elapsed) => {
                self.kill().await?;
                self.tell(&mut log, to).await
            }
        }
    }

    /// Passes the log on until its end, and waits for the exit status.
    async fn tell(
        &self,
        log: &mut BoxStream<'static, Result<LogLine>>,
        to: &mpsc::Sender<Result<Output>>,
    ) -> Result<i64> {
        while let Some(line) = log.next().await {
            // Nobody listens: the caller sees that too, and ends this.
            let _ = to.send(Ok(Output::Line(line?))).await;
        }
        self.wait().await?;
        self.exit().await
    }

    async fn wait(&self) -> Result<()> {
        let mut ends = self.call.api.wait_container(&self.id, None::<WaitContainerOptions>);
        match ends.next().await {
            None | Some(Ok(_) | Err(EngineError::DockerContainerWaitError { .. })) => Ok(()),
            Some(Err(error)) => Err(self.fail(error)),
        }
    }

    async fn exit(&self) -> Result<i64> {
        let told = self.call.api.inspect_container(&self.id, None::<InspectContainerOptions>).await;
        let state = told.map_err(|error| self.fail(error))?.state.unwrap_or_default();
        let code = state.exit_code.unwrap_or(-1);
        let instant = |text: Option<String>| text.as_deref().and_then(time);
        let ran = instant(state.finished_at)
            .zip(instant(state.started_at))
            .and_then(|(finished, started)| finished.duration_since(started).try_into().ok());
        // One that joins later must come to the same verdict.
        if code == KILLED && ran.is_some_and(|ran: Duration| ran >= self.timeout) {
            return Err(Error::Overdue { command: self.command.clone(), after: self.timeout });
        }
        Ok(code)
    }

    async fn kill(&self) -> Result<()> {
        let options = KillContainerOptionsBuilder::new().signal("SIGKILL").build();
        match self.call.api.kill_container(&self.id, Some(options)).await {
            Ok(()) => Ok(()),
            // It has just ended by itself.
            Err(error) if refusal(&error).is_some_and(|(status, _)| status == 409) => Ok(()),
            Err(error) => Err(self.fail(error)),
        }
    }

    fn fail(&self, error: EngineError) -> Error {
        if is_missing(&error) { Error::NoContainer(self.id.clone()) } else { self.call.fail(error) }
    }
}
