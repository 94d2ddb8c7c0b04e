//! Which installation an edge's routes are of. Each numbers its tables by itself, so that what there is
//! of one cannot be compared with what comes of another.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::driver::Driver;
use crate::table::RouteTable;

/// Has what there is of another installation go before anything of `next` comes. The edge has joined
/// anew, or it would not have been welcomed.
pub(super) async fn leave_other<D: Driver>(driver: &D, next: &RouteTable) {
    let has = driver.table().await;
    if has.installation.is_some() && has.installation != next.installation {
        let (from, to) = (&has.installation, &next.installation);
        tracing::warn!(
            ?from,
            ?to,
            "this edge belongs to another installation now; its routes are dropped"
        );
        driver.welcome(RouteTable { services: BTreeMap::new(), ..next.clone() }).await;
    }
}

/// The control plane is of another installation, and turns this edge away. Told once.
pub(super) async fn is_foreign<D: Driver>(driver: &D, foreign: &AtomicBool, server: &str) {
    if !foreign.swap(true, Relaxed) {
        let routes = driver.table().await.installation.unwrap_or_default();
        tracing::error!(
            %server, %routes,
            "the routes in this edge's data directory are of another installation than the server's, which \
             turns it away; none of them is served that was not before. Give this edge a directory of its own \
             with --data; or, if it shall belong to this server, stop it and remove `routes` and `edge.json` \
             from its directory"
        );
    }
}
