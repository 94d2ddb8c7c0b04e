//! Closing a service to its users, and opening it again.
//!
//! It is a part of the service's table, and no deployment: what is live stays so, and can be switched
//! meanwhile. The store is the truth, and edges are given the table from it, also at the next start.

use std::sync::Arc;
use std::time::Duration;

use launcher_edge::table::Maintenance;
use launcher_model::{EdgeName, ServiceName, Span, maintenance};
use launcher_store::{MaintenanceRecord, MaintenanceWish};

use crate::slot::Slot;
use crate::{Control, Error, Inner, Result};

/// What users shall see of a service that is closed to them.
#[derive(Debug, Clone, Default)]
pub struct MaintainRequest {
    /// The team's page, in HTML. The one that was given last is shown when there is none; an empty one
    /// has that forgotten.
    pub page: Option<String>,
    /// When it is worth coming again.
    pub retry_after: Option<Span>,
    /// Why, in their words.
    pub note: Option<String>,
}

/// What became of it.
#[derive(Debug, Clone)]
pub struct Maintained {
    /// False when it was so already.
    pub changed: bool,
    /// What is kept now.
    pub record: MaintenanceRecord,
    /// The edges, by name, with the reason where one has not acknowledged. It serves as before until it
    /// has.
    pub edges: Vec<(EdgeName, std::result::Result<(), String>)>,
}

impl Control {
    /// Closes a service to its users, or has them see something else, and returns when every edge has
    /// acknowledged. It goes on when the caller goes away.
    ///
    /// # Errors
    /// When there is no such service, or what users shall see cannot be shown.
    pub async fn maintain(
        &self,
        service: &ServiceName,
        request: MaintainRequest,
        by: &str,
    ) -> Result<Maintained> {
        let wish = wish(request)?;
        self.change_maintenance(service, Some(wish), by).await
    }

    /// Opens a service again, and returns when every edge has acknowledged. It goes on when the caller
    /// goes away.
    ///
    /// # Errors
    /// When there is no such service.
    pub async fn reopen(&self, service: &ServiceName, by: &str) -> Result<Maintained> {
        self.change_maintenance(service, None, by).await
    }

    async fn change_maintenance(
        &self,
        service: &ServiceName,
        wish: Option<MaintenanceWish>,
        by: &str,
    ) -> Result<Maintained> {
        let inner = Arc::clone(&self.inner);
        let (service, by) = (service.clone(), by.to_owned());
        let task = tokio::spawn(async move { change(&inner, &service, wish, &by).await });
        task.await.unwrap_or_else(|error| {
            Err(Error::Refused(format!("the maintenance met a fault of the program: {error}")))
        })
    }
}

/// Writes down what is wanted, open again where that is nothing, and has edges follow.
async fn change(
    inner: &Inner,
    service: &ServiceName,
    wish: Option<MaintenanceWish>,
    by: &str,
) -> Result<Maintained> {
    let slot = inner.slot(service).ok_or_else(|| Error::NoService(service.clone()))?;
    let store = &inner.store;
    let changed = match &wish {
        Some(wish) => store.begin_maintenance(service, wish, by, inner.now()).await?,
        None => store.end_maintenance(service, by, inner.now()).await?,
    };
    launcher_fault::point("maintenance.stored");
    inner.hub.wait_for_an_edge(inner.config.edge_wait).await;
    let within = inner.config.prepare_within + inner.config.commit_within;
    let mut edges = match publish(inner, &slot, within).await? {
        Some(revision) => inner.hub.applied(service, revision, within).await,
        None => Vec::new(),
    };
    launcher_fault::point("maintenance.applied");
    add_absent(inner, &mut edges).await?;
    Ok(Maintained { changed, record: store.maintenance(service).await?, edges })
}

/// Hands edges the service's table with the maintenance that is kept, and returns its revision. None
/// when no table could be made in time: then edges were not let in yet, and get it when they are.
async fn publish(inner: &Inner, slot: &Slot, within: Duration) -> Result<Option<u64>> {
    let mut passes = slot.passes();
    let deadline = tokio::time::Instant::now() + within;
    loop {
        // A turn wakes the loop at its end, so none is taken while there is nothing to change.
        let made = slot.try_turn().is_none_or(|routing| routing.published.is_some());
        if made && let Some(revision) = publish_changed(inner, slot).await? {
            return Ok(Some(revision));
        }
        match tokio::time::timeout_at(deadline, passes.changed()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return Ok(None),
        }
    }
}

/// The table that edges have is changed, whatever else has changed since: the loop tells them that.
async fn publish_changed(inner: &Inner, slot: &Slot) -> Result<Option<u64>> {
    let mut turn = slot.turn().await;
    let kept = inner.maintenance(&slot.name).await?;
    let Some(mut table) = turn.last().cloned() else { return Ok(None) };
    if table.rules.maintenance != kept {
        table.rules.maintenance = kept;
        table.revision = inner.next_revision();
        inner.hub.publish(&table);
        turn.published(table.clone());
    }
    Ok(Some(table.revision))
}

/// Names the edges that have joined and are not there: they serve what they had until they are back.
async fn add_absent(
    inner: &Inner,
    edges: &mut Vec<(EdgeName, std::result::Result<(), String>)>,
) -> Result<()> {
    let here: Vec<EdgeName> = edges.iter().map(|(edge, _)| edge.clone()).collect();
    let absent = inner.joined_but(&here).await?;
    edges.extend(absent.into_iter().map(|edge| (edge, Err("it is not connected".to_owned()))));
    edges.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(())
}

fn wish(request: MaintainRequest) -> Result<MaintenanceWish> {
    let invalid = |why: maintenance::InvalidMaintenance| Error::Invalid(why.to_string());
    let MaintainRequest { page, retry_after, note } = request;
    maintenance::check_page(page.as_deref().unwrap_or_default()).map_err(invalid)?;
    let retry_after = retry_after.unwrap_or(maintenance::USUAL_RETRY_AFTER);
    Ok(MaintenanceWish {
        page: page.map(|page| (!page.is_empty()).then_some(page)),
        retry_after_s: maintenance::retry_after(retry_after).map_err(invalid)?,
        note: note.filter(|note| !note.is_empty()),
    })
}

/// What edges are told of what is kept.
pub(crate) fn for_edges(record: MaintenanceRecord) -> Option<Maintenance> {
    let MaintenanceRecord { on, page } = record;
    on.map(|on| Maintenance { page, retry_after_s: Some(on.retry_after_s) })
}
