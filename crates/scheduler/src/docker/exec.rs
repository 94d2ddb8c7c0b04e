//! Commands in running containers.

mod end;

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use bollard::exec::{CreateExecOptions, StartExecOptions, StartExecResults};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::Engine;
use super::connection::Call;
use super::lines::{Stamps, lines};
use crate::{Error, ExecRequest, LogLine, Output, Result};

pub(super) const DOING: &str = "running a command in a container";
/// So many lines wait for a slow reader; then the command waits.
const BUFFER: usize = 64;

impl Engine {
    pub(super) async fn exec(
        &self,
        container: &str,
        request: ExecRequest,
    ) -> Result<BoxStream<'static, Result<Output>>> {
        let call = self.connection.call(DOING).await?;
        let told = self.own(&call, container).await?;
        let container = told.id.unwrap_or_else(|| container.to_owned());
        let command = Command { container, local: self.connection.is_local(), call };
        let (id, printed) = command.begin(request).await?;
        let (to, output) = mpsc::channel(BUFFER);
        tokio::spawn(command.pass_on(id, printed, to));
        Ok(ReceiverStream::new(output).boxed())
    }
}

/// A command in a container.
pub(super) struct Command {
    pub(super) call: Call,
    pub(super) container: String,
    /// The engine is on this machine.
    pub(super) local: bool,
}

impl Command {
    async fn begin(
        &self,
        request: ExecRequest,
    ) -> Result<(String, BoxStream<'static, Result<LogLine>>)> {
        let options = CreateExecOptions {
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(request.command),
            ..CreateExecOptions::default()
        };
        let created = self.call.api.create_exec(&self.container, options).await;
        let id = created.map_err(|error| self.call.fail(error))?.id;
        let started = self.call.api.start_exec(&id, None::<StartExecOptions>).await;
        match started.map_err(|error| self.call.fail(error))? {
            StartExecResults::Attached { output, .. } => {
                let call = self.call.clone();
                let pieces = output.map(move |piece| piece.map_err(|error| call.fail(error)));
                Ok((id, lines(pieces, Stamps::None).boxed()))
            }
            StartExecResults::Detached => {
                let why = "the engine did not attach to the command".to_owned();
                Err(Error::Refused { doing: DOING, why })
            }
        }
    }

    /// Sends what the command prints and how it ends, until nobody listens any more: then it is ended.
    async fn pass_on(
        self,
        id: String,
        mut printed: BoxStream<'static, Result<LogLine>>,
        to: mpsc::Sender<Result<Output>>,
    ) {
        loop {
            let line = tokio::select! {
                line = printed.next() => line,
                () = to.closed() => return self.end(&id).await,
            };
            let Some(line) = line else { break };
            if to.send(line.map(Output::Line)).await.is_err() {
                return self.end(&id).await;
            }
        }
        tokio::select! {
            exit = self.exit(&id) => {
                let _ = to.send(exit.map(|code| Output::Exit { code })).await;
            }
            () = to.closed() => self.end(&id).await,
        }
    }

    /// The exit status. The engine notes it at about the time at which the output ends, but sends
    /// nothing for it; and a command may close its output long before its end.
    pub(super) async fn exit(&self, id: &str) -> Result<i64> {
        let mut delays = ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(5))
            .with_max_delay(Duration::from_secs(1))
            .without_max_times()
            .build();
        loop {
            let told = self.call.api.inspect_exec(id).await.map_err(|e| self.call.fail(e))?;
            if told.running != Some(true) {
                return Ok(told.exit_code.unwrap_or(-1));
            }
            tokio::time::sleep(delays.next().unwrap_or_default()).await;
        }
    }

    pub(super) async fn end(self, id: &str) {
        let told = match self.call.api.inspect_exec(id).await {
            Ok(told) if told.running == Some(true) => told,
            _ => return,
        };
        let Some(pid) = told.pid.and_then(|pid| i32::try_from(pid).ok()) else { return };
        let ended = self.local && end::end(pid, &self.container);
        if !ended {
            tracing::warn!(container = %self.container, "a command that nobody listens to any more runs on");
        }
    }
}
