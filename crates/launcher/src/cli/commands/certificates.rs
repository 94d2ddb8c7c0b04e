//! `certificates`.

use super::Context;
use crate::cli::Failure;
use crate::cli::args::client::Listing;
use crate::cli::render::certificates;

pub(super) async fn list((context, listing): (Context, Listing)) -> Result<(), Failure> {
    let items = context.client.list(&["certificates"]).await?;
    let empty = "no certificate is ordered; `launcher up` and `launcher server` order them where their configuration has [acme], see docs/tls.md";
    context.show(items, listing.json, empty, certificates::certificates)
}
