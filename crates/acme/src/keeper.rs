//! Looking, again and again, whether everything that is wanted is there.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use launcher_edge::protocol::{CertificateKey, Issued};
use launcher_model::ServiceName;
use launcher_model::event::{EventKind, NewEvent};
use launcher_store::{CertificateFailure, CertificateRecord, IssuedCertificate};
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;

use crate::account::sealed_as;
use crate::order::Ordered;
use crate::wanted::{again, due, wanted};
use crate::{Error, Inner, Result, Settings};

/// How long is slept at most: the clock may be set.
const AT_LEAST_EVERY: Duration = Duration::from_secs(600);
/// How long is waited when the database fails.
const PAUSE: Duration = Duration::from_secs(5);
/// Orders that are under way at one time; of one service never two.
const AT_ONCE: usize = 4;

/// Looks for ever.
pub(crate) async fn run(inner: Arc<Inner>) {
    let mut events = inner.store.watch();
    let mut ordering: JoinSet<ServiceName> = JoinSet::new();
    let mut under_way = BTreeSet::new();
    loop {
        let sleep = match look(&inner, &mut ordering, &mut under_way).await {
            Ok(next) => until(next, inner.now()),
            Err(error) => {
                tracing::error!(%error, "cannot look after certificates; trying again");
                PAUSE
            }
        };
        tokio::select! {
            () = tokio::time::sleep(sleep) => {}
            Some(ordered) = ordering.join_next() => match ordered {
                Ok(service) => drop(under_way.remove(&service)),
                // Which one it was is not known, and the next look finds it.
                Err(_) if ordering.is_empty() => under_way.clear(),
                Err(_) => {}
            },
            () = is_changed(&mut events) => {}
        }
    }
}

fn until(next: Timestamp, now: Timestamp) -> Duration {
    let left = Duration::try_from(next.duration_since(now).max(SignedDuration::ZERO));
    left.unwrap_or_default().min(AT_LEAST_EVERY)
}

/// Waits until a service is another one than it was, or somebody asks for a certificate.
async fn is_changed(events: &mut tokio::sync::broadcast::Receiver<launcher_model::event::Event>) {
    loop {
        match events.recv().await {
            Ok(event) => match event.kind {
                EventKind::ServiceCreated
                | EventKind::ServiceChanged
                | EventKind::ServiceDeleted
                | EventKind::CertificateAsked => {
                    return;
                }
                _ => {}
            },
            Err(RecvError::Lagged(_)) => return,
            Err(RecvError::Closed) => return std::future::pending().await,
        }
    }
}

/// Gives the edges what there is and begins what is due; when to look again.
async fn look(
    inner: &Arc<Inner>,
    ordering: &mut JoinSet<ServiceName>,
    under_way: &mut BTreeSet<ServiceName>,
) -> Result<Timestamp> {
    let wanted = wanted(&inner.store.services().await?);
    let mut records = inner.store.certificates().await?;
    for gone in records.iter().filter(|record| !wanted.contains_key(&record.service)) {
        inner.store.forget_certificate(&gone.service).await?;
    }
    records.retain(|record| wanted.contains_key(&record.service));
    inner.hand_out(&records);
    let Some(settings) = &inner.settings else { return Ok(Timestamp::MAX) };
    let mut next = Timestamp::MAX;
    for (service, names) in wanted {
        let record = records.iter().find(|record| record.service == service);
        let due = due(&names, record);
        if due > inner.now() {
            next = next.min(due);
        } else if ordering.len() < AT_ONCE && under_way.insert(service.clone()) {
            let (inner, settings, record) = (inner.clone(), settings.clone(), record.cloned());
            ordering.spawn(async move {
                inner.renew(&settings, &service, names, record).await;
                service
            });
        }
    }
    Ok(next)
}

impl Inner {
    /// Gives every edge the certificates that there are. When one cannot be opened they keep those that
    /// they have.
    fn hand_out(&self, records: &[CertificateRecord]) {
        let kept = records.iter().filter_map(|record| Some((record, record.issued.as_ref()?)));
        let opened: Result<Vec<Issued>> =
            kept.map(|(record, issued)| self.open(record, issued)).collect();
        match opened {
            Ok(issued) => self.control.hub().certificates(issued),
            Err(error) => tracing::error!(%error, "certificates cannot be given to the edges"),
        }
    }

    fn open(&self, record: &CertificateRecord, issued: &IssuedCertificate) -> Result<Issued> {
        let name = sealed_as(&key_name(&record.service))?;
        let key = CertificateKey(self.vault.open_sealed(&name, &issued.sealed_key)?);
        Ok(Issued { chain: issued.chain.clone(), key })
    }

    /// Orders a certificate, and keeps it or why there is none.
    async fn renew(
        &self,
        settings: &Settings,
        service: &ServiceName,
        names: Vec<String>,
        record: Option<CertificateRecord>,
    ) {
        let before = record.filter(|record| record.names == names || record.issued.is_some());
        let ordered = self.order(settings, &names).await;
        let kept = match ordered {
            Ok(ordered) => self.keep(service, names, ordered, before.as_ref()).await,
            Err(error) => self.keep_failure(service, names, &error, before).await,
        };
        if let Err(error) = kept {
            tracing::error!(%service, %error, "what became of an order could not be kept");
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn keep(
        &self,
        service: &ServiceName,
        names: Vec<String>,
        ordered: Ordered,
        before: Option<&CertificateRecord>,
    ) -> Result<()> {
        let Ordered { chain, key, certificate } = ordered;
        let at = |second| Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
        let issued = IssuedCertificate {
            names: certificate.names().to_vec(),
            chain,
            sealed_key: self.vault.seal(&sealed_as(&key_name(service))?, &key)?,
            not_before: at(certificate.not_before()),
            not_after: at(certificate.not_after()),
            at: self.now(),
        };
        let renews = before.and_then(|record| record.issued.as_ref()).is_some();
        let (kind, word) = match renews {
            true => (EventKind::CertificateRenewed, "was renewed"),
            false => (EventKind::CertificateIssued, "was issued"),
        };
        let text = format!("the certificate for {} {word}", names.join(", "));
        tracing::info!(%service, names = %names.join(" "), "a certificate {word}");
        let record = CertificateRecord {
            service: service.clone(),
            names,
            issued: Some(issued),
            failure: None,
            asked_at: None,
        };
        let event = NewEvent::new(kind, text).service(service);
        Ok(self.store.keep_certificate(&record, &[event], self.now()).await?)
    }

    async fn keep_failure(
        &self,
        service: &ServiceName,
        names: Vec<String>,
        error: &Error,
        before: Option<CertificateRecord>,
    ) -> Result<()> {
        let (now, why) = (self.now(), error.to_string());
        let issued = before.as_ref().and_then(|record| record.issued.clone());
        // The same again is no news.
        let failure = before.filter(|record| record.names == names).and_then(|one| one.failure);
        let is_news = failure.as_ref().is_none_or(|failure| failure.why != why);
        let times = failure.map_or(0, |failure| failure.times).saturating_add(1);
        let again_at = again(times, now);
        tracing::warn!(%service, %why, %again_at, "there is no certificate");
        let text = format!("no certificate for {}: {why}", names.join(", "));
        let event = NewEvent::new(EventKind::CertificateFailed, text).service(service);
        let failure = Some(CertificateFailure { why, at: now, again_at, times });
        let service = service.clone();
        let record = CertificateRecord { service, names, issued, failure, asked_at: None };
        let events = if is_news { vec![event] } else { Vec::new() };
        Ok(self.store.keep_certificate(&record, &events, now).await?)
    }
}

/// What a service's key is sealed as.
fn key_name(service: &ServiceName) -> String {
    format!("acme/{service}")
}
