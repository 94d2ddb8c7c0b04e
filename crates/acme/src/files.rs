//! Certificates that edges read from files. Others renew them; who is to know is told when they have not, and when
//! an edge cannot use what the files hold.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use launcher_control::hub::EdgeView;
use launcher_edge::protocol::CertificateFile;
use launcher_model::certificate::is_overdue;
use launcher_model::event::{EventKind, NewEvent};
use launcher_store::EventFilter;

use crate::{Inner, Result};

/// How long is slept at most: certificates grow old without a change.
const AT_LEAST_EVERY: Duration = Duration::from_secs(600);
/// Who renews a certificate writes two files: what is wrong in between is no news.
const SETTLED: Duration = Duration::from_secs(5);
/// What stays as it is, is told again after so long.
const AGAIN: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Looks for ever.
pub(crate) async fn run(inner: Arc<Inner>) {
    let mut changed = inner.control.hub().certificate_files();
    loop {
        if let Err(error) = look(&inner).await {
            tracing::error!(%error, "cannot tell how certificates in files are; trying again");
        }
        let change = async {
            // It ends with the hub.
            let _ = changed.changed().await;
            tokio::time::sleep(SETTLED).await;
        };
        let _ = tokio::time::timeout(AT_LEAST_EVERY, change).await;
    }
}

/// Tells what is wrong and has not been told lately.
async fn look(inner: &Inner) -> Result<()> {
    let now = inner.now();
    let mut wrong = wrong(&inner.control.hub().edges(), now);
    if wrong.is_empty() {
        return Ok(());
    }
    let lately = EventFilter {
        kinds: vec![EventKind::CertificateOverdue, EventKind::CertificateFailed],
        from: now.checked_sub(AGAIN).ok(),
        limit: 1000,
        ..EventFilter::default()
    };
    for told in inner.store.events(&lately).await? {
        wrong.remove(&told.text);
    }
    let events: Vec<NewEvent> =
        wrong.into_iter().map(|(text, kind)| NewEvent::new(kind, text)).collect();
    for event in &events {
        tracing::warn!(what = %event.text, "a certificate in files needs somebody");
    }
    if !events.is_empty() {
        inner.store.record(&events, now).await?;
    }
    Ok(())
}

/// What is wrong, in sentences. The same file on many edges is told once.
fn wrong(edges: &[EdgeView], now: Timestamp) -> BTreeMap<String, EventKind> {
    let mut wrong = BTreeMap::new();
    for edge in edges {
        for file in &edge.certificate_files {
            if let Some(why) = &file.refused {
                let text = format!("the edge {} cannot use {}: {why}", edge.name, file.file);
                wrong.insert(text, EventKind::CertificateFailed);
            }
            wrong.extend(overdue(file, now).map(|text| (text, EventKind::CertificateOverdue)));
        }
    }
    wrong
}

fn overdue(file: &CertificateFile, now: Timestamp) -> Option<String> {
    let shown = file.shown.as_ref()?;
    let at = |second| Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
    let (from, until) = (at(shown.not_before), at(shown.not_after));
    if !is_overdue(from, until, now) {
        return None;
    }
    let (names, file) = (shown.names.join(", "), &file.file);
    let day = until.strftime("%Y-%m-%d %H:%M UTC");
    Some(match until <= now {
        true => {
            format!("the certificate for {names} in {file} has run out: it counted until {day}")
        }
        false => format!(
            "the certificate for {names} in {file} has not been renewed: it counts until {day}"
        ),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use launcher_edge::protocol::InFile;
    use launcher_model::EdgeName;

    use super::*;

    fn edge(name: &str, file: CertificateFile) -> EdgeView {
        EdgeView {
            name: EdgeName::new(name).unwrap(),
            version: String::new(),
            driver: "builtin".to_owned(),
            http: Vec::new(),
            https: Vec::new(),
            remote: false,
            connected_at: Timestamp::UNIX_EPOCH,
            lag: None,
            behind: 0,
            certificate_files: vec![file],
        }
    }

    #[test]
    fn what_is_wrong_is_told_once_for_all_edges_and_what_is_one_edges_by_its_name() {
        let day = 86_400;
        let shown = InFile {
            names: vec!["a.test".to_owned(), "b.test".to_owned()],
            issuer: "One".to_owned(),
            not_before: 0,
            not_after: 90 * day,
        };
        let file = |refused: Option<&str>| CertificateFile {
            file: "/a.pem".to_owned(),
            shown: Some(shown.clone()),
            refused: refused.map(str::to_owned),
        };
        let edges = [edge("north", file(None)), edge("south", file(Some("it is empty")))];
        let told = |at| -> Vec<String> {
            let wrong = wrong(&edges, Timestamp::from_second(at * day).unwrap());
            wrong.into_keys().collect()
        };
        let refused = "the edge south cannot use /a.pem: it is empty";
        assert_eq!(told(1), [refused]);
        let overdue = "the certificate for a.test, b.test in /a.pem has not been renewed: it counts until 1970-04-01 00:00 UTC";
        assert_eq!(told(80), [overdue, refused]);
        let over = "the certificate for a.test, b.test in /a.pem has run out: it counted until 1970-04-01 00:00 UTC";
        assert_eq!(told(90), [over, refused]);
    }
}
