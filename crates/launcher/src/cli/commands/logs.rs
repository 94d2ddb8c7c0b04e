//! `logs`.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;
use launcher_model::environment::EnvironmentState;
use launcher_server::api::views::VersionView;
use serde::Deserialize;
use serde_json::Value;

use super::{Context, number};
use crate::cli::Failure;
use crate::cli::args::client::Logs;
use crate::cli::client::{Message, RECONNECT, Stream};
use crate::cli::foreign::Shown;
use crate::cli::output::say;
use crate::cli::render::lines::{self, ContainerLine, LogLook};

/// Why the lines of a container, or of a command, cannot be had.
#[derive(Debug, Deserialize)]
pub(super) struct Trouble {
    pub(super) detail: String,
}

/// A container that has come, or ended.
#[derive(Debug, Deserialize)]
struct Whose {
    short: String,
    slot: u16,
    #[serde(default)]
    code: Option<i64>,
    #[serde(default)]
    out_of_memory: bool,
    #[serde(default)]
    at: Option<Timestamp>,
}

pub(super) async fn logs((context, logs): (Context, Logs)) -> Result<(), Failure> {
    let version = context.version_or_live(&logs.service, logs.version, "logs").await?;
    let number = number(version);
    let path = ["services", logs.service.as_str(), "versions", &number];
    let view: VersionView = context.client.get(&path).await?;
    let look = LogLook::new(context.look, !logs.no_timestamps);
    let (context, logs) = (&context, &logs);
    let mut reading =
        Reading { context, logs, look, last: None, told: false, ended: HashSet::new() };
    if !logs.follow {
        return reading.read(&number, &view).await;
    }
    tokio::select! {
        read = reading.follow(&number, &view) => read,
        // What is printed is printed line by line: nothing is half there.
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

/// How far the log has been printed.
struct Reading<'a> {
    context: &'a Context,
    logs: &'a Logs,
    look: LogLook,
    /// The id of the last line that was printed.
    last: Option<String>,
    /// Something was told: a line, or why some are missing.
    told: bool,
    /// The ends that were told.
    ended: HashSet<(String, Option<Timestamp>)>,
}

impl Reading<'_> {
    /// Goes on where it was when the connection breaks.
    async fn follow(&mut self, number: &str, view: &VersionView) -> Result<(), Failure> {
        let (interval, times) = RECONNECT;
        let (mut left, mut begun, mut last) = (times, false, None);
        loop {
            let failure = match self.read(number, view).await {
                Ok(()) => return Ok(()),
                Err(failure) => failure,
            };
            begun |= matches!(failure, Failure::Broken { .. }) || self.last.is_some();
            // What has printed something since has a minute again.
            if self.last != last {
                (left, last) = (times, self.last.clone());
            }
            if !failure.is_passing() || !begun || left == 0 {
                return Err(failure);
            }
            if left == times {
                let url = self.context.client.url();
                say(&format!("the connection to {url} broke; trying again"));
            }
            left -= 1;
            tokio::time::sleep(interval.min(Duration::from_secs(1))).await;
        }
    }

    async fn open(&self, number: &str) -> Result<Stream, Failure> {
        let logs = self.logs;
        let slot = logs.slot.map(|slot| slot.to_string());
        let containers = logs.container.join(",");
        let mut query = Vec::new();
        if logs.follow {
            query.push(("follow", "true"));
        }
        if !containers.is_empty() {
            query.push(("container", containers.as_str()));
        }
        query.extend(logs.since.as_deref().map(|since| ("since", since)));
        query.extend(logs.tail.as_deref().map(|tail| ("tail", tail)));
        query.extend(logs.find.as_deref().map(|sought| ("find", sought)));
        query.extend(slot.as_deref().map(|slot| ("slot", slot)));
        let path = ["services", logs.service.as_str(), "versions", number, "logs"];
        self.context.client.stream_behind(&path, &query, self.last.as_deref()).await
    }

    async fn read(&mut self, number: &str, view: &VersionView) -> Result<(), Failure> {
        let mut stream = self.open(number).await?;
        while let Some(message) = stream.next().await? {
            if message.name == "end" {
                if !self.told {
                    say(&self.nothing(view));
                }
                return Ok(());
            }
            self.tell(&message)?;
        }
        Err(stream.cut_short())
    }

    fn tell(&mut self, message: &Message) -> Result<(), Failure> {
        self.told |= matches!(message.name.as_str(), "line" | "error");
        match message.name.as_str() {
            "line" if self.logs.json => self.context.out.json_line(&message.read::<Value>()?)?,
            "line" => {
                let line: ContainerLine = message.read()?;
                let line = lines::log(&line, &mut self.look);
                self.context.out.text(&line)?;
            }
            "began" => {
                let Shown(container) = message.read::<Shown<Whose>>()?;
                say(&format!(
                    "— container {} has come, in place {} —",
                    container.short, container.slot
                ));
            }
            "ended" => {
                let Shown(container) = message.read::<Shown<Whose>>()?;
                // Somebody who comes back is told again.
                if self.ended.insert((container.short.clone(), container.at)) {
                    say(&ended(&container));
                }
            }
            "note" => {
                let Shown(note) = message.read::<Shown<Trouble>>()?;
                say(&note.detail);
            }
            "error" => {
                let Shown(trouble) = message.read::<Shown<Trouble>>()?;
                say(&format!("some lines are missing: {}", trouble.detail));
            }
            _ => {}
        }
        if message.id.is_some() {
            self.last.clone_from(&message.id);
        }
        Ok(())
    }

    fn nothing(&self, view: &VersionView) -> String {
        let (service, version) = (&self.logs.service, view.version.number);
        let state = view.environment.state;
        if state == EnvironmentState::Destroyed {
            return format!("{service} {version} is destroyed, and its logs with it");
        }
        if self.logs.tail.as_deref().is_some_and(is_none) {
            if self.logs.follow {
                return format!("{service} {version}, which is {state}, has printed nothing since");
            }
            return format!(
                "--tail 0 asks for no line; `launcher logs {service} {version} -n 10` shows the last ten, and -f \
                 those that come"
            );
        }
        if let Some(sought) = &self.logs.find {
            return format!(
                "no line has {sought:?} in it; `launcher logs {service} {version} --tail all` shows all lines"
            );
        }
        if self.logs.since.is_some() || self.logs.slot.is_some() || !self.logs.container.is_empty()
        {
            return format!(
                "nothing was printed there; `launcher logs {service} {version}` shows the last lines of all"
            );
        }
        format!("the containers of {service} {version}, which is {state}, have printed nothing yet")
    }
}

/// Whether a number of lines is none.
fn is_none(tail: &str) -> bool {
    tail.parse() == Ok(0_u64)
}

fn ended(container: &Whose) -> String {
    let Whose { short, code, out_of_memory, .. } = container;
    match code {
        _ if *out_of_memory => format!("— container {short} ended: it had no memory left —"),
        Some(code) => format!("— container {short} ended, exit {code} —"),
        None => format!("— container {short} was removed —"),
    }
}
