//! `run`: a command's output comes out here where it came out there, and its exit status becomes this
//! program's.

use launcher_scheduler::{LogLine, LogStream};
use launcher_server::api::views::CommandBody;
use serde::Deserialize;

use super::logs::Trouble;
use super::{Context, number};
use crate::cli::Failure;
use crate::cli::args::client::RunOnce;
use crate::cli::client::Stream;
use crate::cli::foreign::Shown;
use crate::cli::output::say_printed;

pub(super) async fn run((context, run): (Context, RunOnce)) -> Result<(), Failure> {
    let service = &run.service;
    let version = context.version_or_live(service, run.version, "run").await?;
    let body = CommandBody { command: run.command, slot: None };
    let path = ["services", service.as_str(), "versions", &number(version), "run"];
    finish(&context, context.client.begin(&path, &body).await?).await
}

#[derive(Debug, Deserialize)]
struct Exit {
    code: i64,
}

async fn finish(context: &Context, mut output: Stream) -> Result<(), Failure> {
    while let Some(message) = output.next().await? {
        match message.name.as_str() {
            "line" => {
                let line: LogLine = message.read()?;
                match line.stream {
                    LogStream::Stdout => context.out.printed(&line.text)?,
                    LogStream::Stderr => say_printed(&line.text),
                }
            }
            "exit" => return ended(message.read::<Exit>()?.code),
            "error" => {
                let Shown(trouble) = message.read::<Shown<Trouble>>()?;
                return Err(Failure::Senseless(trouble.detail));
            }
            _ => {}
        }
    }
    Err(output.cut_short())
}

/// Becomes this program's exit status.
pub(super) fn ended(code: i64) -> Result<(), Failure> {
    match u8::try_from(code) {
        Ok(0) => Ok(()),
        Ok(status) => Err(Failure::Ended(status)),
        // No exit status of a process here; a failure it was.
        Err(_) => Err(Failure::Ended(1)),
    }
}
