//! `logs`.

use launcher_server::api::views::VersionView;
use serde::Deserialize;
use serde_json::Value;

use super::{Context, number};
use crate::cli::Failure;
use crate::cli::args::client::Logs;
use crate::cli::foreign::Shown;
use crate::cli::output::say;
use crate::cli::render::lines;

/// Why the lines of a container, or of a command, cannot be had.
#[derive(Debug, Deserialize)]
pub(super) struct Trouble {
    pub(super) detail: String,
}

pub(super) async fn logs((context, logs): (Context, Logs)) -> Result<(), Failure> {
    let service = &logs.service;
    let version = context.version_or_live(service, logs.version, "logs").await?;
    let number = number(version);
    let path = ["services", service.as_str(), "versions", &number];
    let view: VersionView = context.client.get(&path).await?;
    let containers = view.containers.iter().map(|view| &view.container);
    let wanted = containers.filter(|one| logs.slot.is_none_or(|slot| one.slot == slot)).count();
    if wanted == 0 {
        say(&none(&logs, &view));
        return Ok(());
    }
    read(&context, &logs, &number, wanted > 1).await
}

fn none(logs: &Logs, view: &VersionView) -> String {
    let (service, version) = (&logs.service, view.version.number);
    match logs.slot {
        Some(slot) if !view.containers.is_empty() => format!(
            "{service} {version} has no container {slot}; `launcher containers` lists those there are"
        ),
        _ => format!(
            "{service} {version} has no containers, and so no logs; it is {}",
            view.environment.state
        ),
    }
}

/// Prints the lines as they come, with their container where there are several.
async fn read(context: &Context, logs: &Logs, number: &str, named: bool) -> Result<(), Failure> {
    let (tail, slot) = (logs.tail.to_string(), logs.slot.map(|slot| slot.to_string()));
    let mut query = vec![("tail", tail.as_str())];
    if logs.follow {
        query.push(("follow", "true"));
    }
    query.extend(slot.as_deref().map(|slot| ("slot", slot)));
    let path = ["services", logs.service.as_str(), "versions", number, "logs"];
    let mut stream = context.client.stream(&path, &query).await?;
    while let Some(message) = stream.next().await? {
        match message.name.as_str() {
            "line" if logs.json => context.out.json_line(&message.read::<Value>()?)?,
            "line" => context.out.text(&lines::log(&message.read()?, named, &context.look))?,
            "error" => {
                let Shown(trouble) = message.read::<Shown<Trouble>>()?;
                say(&format!("some lines are missing: {}", trouble.detail));
            }
            "end" => return Ok(()),
            _ => {}
        }
    }
    Err(stream.cut_short())
}
