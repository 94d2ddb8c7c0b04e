//! What every driver's stream of changes needs.

use std::collections::VecDeque;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::Change;

/// The pauses between attempts to reach an engine that is away.
pub(crate) fn delays() -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(50))
        .with_max_delay(Duration::from_secs(2))
        .without_max_times()
        .build()
}

/// The same changes, taken in as they come, whether or not somebody asks for the next one: what a driver
/// knows by its events must not wait for whoever it tells. What is said again before it was heard is told
/// once.
pub(crate) fn taken_in(mut changes: BoxStream<'static, Change>) -> BoxStream<'static, Change> {
    let (tell, told) = mpsc::channel(1);
    let task = AbortOnDropHandle::new(tokio::spawn(async move {
        let mut waiting = VecDeque::new();
        loop {
            tokio::select! {
                change = changes.next() => match change {
                    Some(change) if waiting.contains(&change) => {}
                    Some(change) => waiting.push_back(change),
                    None => return,
                },
                Ok(permit) = tell.reserve(), if !waiting.is_empty() => {
                    if let Some(change) = waiting.pop_front() {
                        permit.send(change);
                    }
                }
            }
        }
    }));
    let next = async |(mut told, task): (mpsc::Receiver<Change>, AbortOnDropHandle<()>)| {
        Some((told.recv().await?, (told, task)))
    };
    stream::unfold((told, task), next).boxed()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn changes_are_taken_in_though_nobody_asks_and_told_once_and_in_order() {
        let taken = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&taken);
        let service = |name: &str| Change::Service(name.parse().unwrap());
        let all = [service("a"), service("b"), service("b"), Change::Everything, service("b")];
        let source = stream::iter(all).inspect(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
        });
        let mut changes = taken_in(source.chain(stream::pending()).boxed());
        while taken.load(Ordering::Relaxed) < 5 {
            tokio::task::yield_now().await;
        }
        let mut heard = Vec::new();
        while heard.last() != Some(&Change::Everything) {
            heard.push(changes.next().await.unwrap());
        }
        assert_eq!(heard, [service("a"), service("b"), Change::Everything]);
    }

    #[tokio::test]
    async fn nothing_is_taken_in_any_more_when_nobody_listens() {
        let (held, gone) = tokio::sync::oneshot::channel::<()>();
        let source = stream::unfold(held, async |held| Some((Change::Everything, held)));
        // As an engine does that has nothing more to say.
        let source = source.take(1).chain(stream::pending());
        let mut changes = taken_in(source.boxed());
        assert_eq!(changes.next().await, Some(Change::Everything));
        drop(changes);
        assert!(gone.await.is_err(), "the source is dropped with its listener");
    }
}
