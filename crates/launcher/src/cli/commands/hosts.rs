//! `hosts`.

use std::time::Duration;

use launcher_model::host::{HostNotes, HostState};
use launcher_server::api::views::HostView;
use reqwest::Method;
use serde_json::Value;

use super::{Context, NO_BODY};
use crate::cli::Failure;
use crate::cli::args::client::{DrainHost, HostsList, LabelHost, OneHost};
use crate::cli::client::RECONNECT;
use crate::cli::output::say;
use crate::cli::progress::Progress;
use crate::cli::render::infrastructure;

/// From one look at a host that is being drained to the next: no event tells of each container.
const LOOK: Duration = Duration::from_millis(500);

pub(super) async fn list((context, list): (Context, HostsList)) -> Result<(), Failure> {
    let Some(host) = list.host else {
        let items = context.client.list(&["hosts"]).await?;
        let empty = "there are no hosts; `launcher doctor` says whether the engine answers";
        return context.show(items, list.json, empty, infrastructure::hosts);
    };
    let view: Value = context.client.get_as_it_is(&["hosts", host.as_str()]).await?;
    if list.json {
        return context.out.json(&view);
    }
    let view: HostView = context.understand(view)?;
    context.out.text(&infrastructure::host(&view, &context.look))
}

pub(super) async fn close((context, OneHost { host }): (Context, OneHost)) -> Result<(), Failure> {
    let _: HostView = change(&context, &host, "close").await?;
    say(&format!("{host} takes nothing new; what is on it stays"));
    Ok(())
}

pub(super) async fn open((context, OneHost { host }): (Context, OneHost)) -> Result<(), Failure> {
    let () = change(&context, &host, "open").await?;
    say(&format!("{host} takes containers again"));
    Ok(())
}

pub(super) async fn drain((context, drain): (Context, DrainHost)) -> Result<(), Failure> {
    let DrainHost { host, wait } = drain;
    let view: HostView = change(&context, &host, "drain").await?;
    if wait {
        return until_drained(&context, view).await;
    }
    say(&format!(
        "{}; `launcher hosts {host}` shows what is still there",
        infrastructure::what_is_left(&view)
    ));
    Ok(())
}

pub(super) async fn label((context, label): (Context, LabelHost)) -> Result<(), Failure> {
    let LabelHost { host, labels, owner } = label;
    let view: HostView = context.client.get(&["hosts", host.as_str()]).await?;
    let HostNotes { labels: mut all, owner: mut by } = view.notes;
    for (key, value) in labels {
        if value.is_empty() {
            all.remove(&key);
        } else {
            all.insert(key, value);
        }
    }
    if let Some(owner) = owner {
        by = Some(owner).filter(|owner| !owner.is_empty());
    }
    let notes = HostNotes { labels: all, owner: by };
    let path = ["hosts", host.as_str(), "labels"];
    let view: HostView = context.client.change(Method::PUT, &path, &[], Some(&notes)).await?;
    context.out.text(&infrastructure::host(&view, &context.look))
}

async fn change<T: serde::de::DeserializeOwned>(
    context: &Context,
    host: &str,
    act: &str,
) -> Result<T, Failure> {
    context.client.change(Method::POST, &["hosts", host, act], &[], NO_BODY).await
}

/// Shows what is left on a host until nothing is.
async fn until_drained(context: &Context, mut view: HostView) -> Result<(), Failure> {
    let host = view.host.name.clone();
    let progress = Progress::begin(infrastructure::what_is_left(&view));
    let mut told = String::new();
    loop {
        let left = infrastructure::what_is_left(&view);
        if left != told {
            progress.say(&left);
            progress.show(left.clone());
            told = left;
        }
        match view.state {
            HostState::Drained => return Ok(()),
            HostState::Ready | HostState::Closed => {
                return Err(Failure::Senseless(format!(
                    "{host} is not being drained any more: somebody has opened or closed it"
                )));
            }
            HostState::Draining | HostState::Down => {}
        }
        // A host that is down has nothing that runs, and cannot be told from one that is drained.
        if view.state == HostState::Down && view.containers.is_empty() {
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
        view = look(context, &host).await?;
    }
}

/// How the host is, over a restart of the server.
async fn look(context: &Context, host: &str) -> Result<HostView, Failure> {
    let (interval, mut left) = RECONNECT;
    loop {
        match context.client.get(&["hosts", host]).await {
            Err(failure) if failure.is_absence() && left > 0 => left -= 1,
            other => return other,
        }
        tokio::time::sleep(interval).await;
    }
}
