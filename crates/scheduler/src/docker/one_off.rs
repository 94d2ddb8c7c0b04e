//! One-off containers: a version's release command, and commands of people.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bollard::errors::Error as EngineError;
use bollard::query_parameters::{
    InspectContainerOptions, KillContainerOptionsBuilder, WaitContainerOptions,
};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use jiff::Timestamp;
use rand::RngExt;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;

use super::Engine;
use super::connection::{Call, is_missing, refusal};
use super::create::{Made, Started, start};
use super::observe::time;
use super::{halt, logs};
use crate::identity::{Identity, Part, RUN};
use crate::{Error, LogLine, LogOptions, OneOff, OneOffRole, Output, Result};

/// So many lines wait for a slow reader.
const BUFFER: usize = 64;
/// The exit status of what was killed.
const KILLED: i64 = 128 + 9;

/// Starts a one-off container, or joins it, and tells what it prints and how it ends.
pub(super) async fn run(
    engine: Arc<Engine>,
    one_off: &OneOff,
) -> Result<BoxStream<'static, Result<Output>>> {
    let call = engine.connection.call("running a one-off container").await?;
    let version = &one_off.version;
    let part = match one_off.role {
        OneOffRole::Release => Part::Release,
        OneOffRole::Run => Part::Run { nonce: format!("{:08x}", rand::rng().random::<u32>()) },
    };
    let identity = Identity { service: version.service.clone(), version: version.number, part };
    let body = engine.body(&identity, version, &one_off.variables, Some(&one_off.command));
    let guard = (one_off.role == OneOffRole::Run)
        .then(|| RunGuard::new(&engine, &call, engine.installation.name(&identity)));
    let made = engine.create(&call, &identity, &body).await?;
    if made.is_unstarted() {
        match start(&call, &made.id).await? {
            Started::Yes => {}
            Started::Gone => return Err(Error::NoContainer(made.id)),
            Started::Refused(why) => {
                return Err(Error::Refused { doing: "starting a one-off container", why });
            }
        }
    }
    let follower = Follower {
        deadline: Instant::now() + remaining(one_off.timeout, &made),
        timeout: one_off.timeout,
        command: one_off.command.join(" "),
        id: made.id,
        call,
    };
    let (to, output) = mpsc::channel(BUFFER);
    tokio::spawn(async move {
        tokio::select! {
            () = follower.follow(&to) => {}
            () = to.closed() => {}
        }
        drop(guard);
    });
    Ok(ReceiverStream::new(output).boxed())
}

/// What is left of the time that a container was given, counted from its start.
fn remaining(timeout: Duration, made: &Made) -> Duration {
    let started = made.found.as_ref().and_then(|state| state.started_at.as_deref()).and_then(time);
    let elapsed = started.map(|started| Timestamp::now().duration_since(started));
    timeout.saturating_sub(elapsed.and_then(|past| past.try_into().ok()).unwrap_or_default())
}

struct Follower {
    call: Call,
    id: String,
    command: String,
    timeout: Duration,
    deadline: Instant,
}

impl Follower {
    async fn follow(&self, to: &mpsc::Sender<Result<Output>>) {
        let options = LogOptions { tail: None, follow: true };
        let mut log = logs::read(&self.call, &self.id, options);
        let in_time = tokio::time::timeout_at(self.deadline, self.tell(&mut log, to)).await;
        let outcome = match in_time {
            Ok(outcome) => outcome,
            Err(_elapsed) => match self.kill().await {
                Ok(()) => self.tell(&mut log, to).await,
                Err(error) => Err(error),
            },
        };
        let _ = to.send(outcome.map(|code| Output::Exit { code })).await;
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

/// The names of the containers that run a person's command for this process.
#[derive(Debug, Default)]
pub(super) struct Runs(Mutex<HashSet<String>>);

impl Runs {
    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn contain(&self, name: &str) -> bool {
        self.lock().contains(name)
    }
}

/// Removes the container of a person's command when nobody listens to it any more.
struct RunGuard {
    engine: Arc<Engine>,
    call: Call,
    name: String,
}

impl RunGuard {
    fn new(engine: &Arc<Engine>, call: &Call, name: String) -> Self {
        engine.runs.lock().insert(name.clone());
        Self { engine: Arc::clone(engine), call: call.to("removing a one-off container"), name }
    }
}

impl Drop for RunGuard {
    fn drop(&mut self) {
        let (engine, call) = (Arc::clone(&self.engine), self.call.clone());
        let name = std::mem::take(&mut self.name);
        let Ok(runtime) = Handle::try_current() else { return };
        runtime.spawn(async move {
            if let Err(error) = discard_own(&engine, &call, &name).await {
                tracing::warn!(%name, %error, "a one-off container is left for later");
            }
            engine.runs.lock().remove(&name);
        });
    }
}

async fn discard_own(engine: &Engine, call: &Call, name: &str) -> Result<()> {
    match engine.own(call, name).await {
        Ok(_) => halt::discard(call, name).await,
        Err(Error::NoContainer(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

impl Engine {
    /// Removes the containers of people's commands that a process which is no more has left behind.
    pub(super) async fn sweep_runs(&self, call: &Call) {
        let call = call.to("removing a one-off container");
        let found = match self.list(&call, None, None, Some(RUN)).await {
            Ok(found) => found,
            Err(error) => return tracing::warn!(%error, "one-off containers cannot be listed"),
        };
        for container in found {
            let names = container.names.unwrap_or_default();
            let (Some(id), Some(name)) = (container.id, names.first()) else { continue };
            if self.runs.contain(name.trim_start_matches('/')) {
                continue;
            }
            if let Err(error) = halt::discard(&call, &id).await {
                tracing::warn!(%id, %error, "a one-off container is left for later");
            }
        }
    }
}
