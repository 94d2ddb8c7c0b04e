//! What tells a page that it is out of date: one small event for each service that changed.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::response::IntoResponse;
use axum::response::sse::Event as Message;
use jiff::SignedDuration;
use launcher_model::ServiceName;
use launcher_model::event::Event;
use launcher_store::EventFilter;
use serde::Deserialize;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;

use super::error::PageError;
use super::visitor::Visitor;
use crate::App;
use crate::http::sse;

/// A change often is several events at once: they are told as one.
const GATHER: Duration = Duration::from_millis(40);
/// What stands for all services, for what concerns no single one.
const ALL: &str = "*";

/// What a page follows.
#[derive(Debug, Deserialize)]
pub(super) struct Followed {
    /// One service, or all.
    service: Option<ServiceName>,
    /// The newest event when the page was made.
    after: i64,
}

/// Where a page that is made now hears what happens from now on. Asked for before the page's content is
/// read, so that nothing falls between the two.
pub(super) async fn events_url(
    app: &App,
    service: Option<&ServiceName>,
) -> Result<String, PageError> {
    let after = newest(app).await?;
    let only = service.map(|name| format!("&service={name}")).unwrap_or_default();
    Ok(format!("/live?after={after}{only}"))
}

async fn newest(app: &App) -> Result<i64, launcher_store::Error> {
    let newest = EventFilter { limit: 1, ..EventFilter::default() };
    Ok(app.store.events(&newest).await?.first().map_or(0, |event| event.id))
}

pub(super) async fn stream(
    State(app): State<App>,
    visitor: Visitor,
    Query(followed): Query<Followed>,
) -> Result<impl IntoResponse, PageError> {
    let hidden = followed.service.as_ref().filter(|one| !visitor.principal.roles.see(one));
    if let Some(service) = hidden {
        return Err(PageError::missing(format!("There is no service {service}.")));
    }
    let (sender, receiver) = mpsc::channel(4);
    // Subscribed before the store is asked, so that nothing falls between the two; and both before the
    // answer begins, so that its reader hears of each change from then on, and not only that there was one.
    let watch = app.store.watch();
    let ends = app.store.watch_sessions();
    let missed = newest(&app).await.is_ok_and(|newest| newest > followed.after);
    tokio::spawn(follow(app, visitor, Following { followed, watch, ends, missed }, sender));
    Ok(sse::stream(ReceiverStream::new(receiver)))
}

/// What is followed, from when on.
struct Following {
    followed: Followed,
    watch: broadcast::Receiver<Event>,
    /// Sessions that end before their time.
    ends: watch::Receiver<()>,
    /// Something happened before.
    missed: bool,
}

/// Tells of changes until the reader or its session is gone. Where the session is, that is the last that is told:
/// the page looks again, and is led to where one signs in.
async fn follow(app: App, visitor: Visitor, following: Following, sender: mpsc::Sender<Message>) {
    let Following { followed, mut watch, mut ends, missed } = following;
    if missed && sender.send(message(ALL)).await.is_err() {
        return;
    }
    let left =
        SignedDuration::max(visitor.expires_at.duration_since(app.now()), SignedDuration::ZERO);
    let end = tokio::time::sleep(left.unsigned_abs());
    tokio::pin!(end);
    loop {
        let changed = tokio::select! {
            changed = gather(&mut watch, &followed) => changed,
            ended = ends.changed() => ended.ok().map(|()| BTreeSet::new()),
            () = sender.closed() => return,
            () = &mut end => Some(BTreeSet::new()),
        };
        let Some(changed) = changed else { return };
        let Some(now) = visitor.again(&app).await else {
            let _ = sender.send(message(ALL)).await;
            return;
        };
        let sees = |changed: &&String| {
            ServiceName::new(changed.as_str()).map_or(true, |name| now.roles.see(&name))
        };
        for service in changed.iter().filter(sees) {
            if sender.send(message(service)).await.is_err() {
                return;
            }
        }
    }
}

/// The services that changed within a moment after the first of them; nothing when the store is gone.
async fn gather(
    watch: &mut broadcast::Receiver<Event>,
    followed: &Followed,
) -> Option<BTreeSet<String>> {
    let mut changed = BTreeSet::new();
    loop {
        match watch.recv().await {
            Ok(event) => changed.extend(told(followed, &event)),
            Err(RecvError::Lagged(_)) => changed.extend([ALL.to_owned()]),
            Err(RecvError::Closed) => return None,
        }
        if !changed.is_empty() {
            break;
        }
    }
    tokio::time::sleep(GATHER).await;
    while let Ok(event) = watch.try_recv() {
        changed.extend(told(followed, &event));
    }
    Some(changed)
}

fn told(followed: &Followed, event: &Event) -> Option<String> {
    match (&event.service, &followed.service) {
        (None, _) => Some(ALL.to_owned()),
        (Some(changed), Some(only)) if changed != only => None,
        (Some(changed), _) => Some(changed.to_string()),
    }
}

fn message(service: &str) -> Message {
    Message::default().event("changed").data(service)
}
