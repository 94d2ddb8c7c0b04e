//! `containers`.

use super::Context;
use crate::cli::Failure;
use crate::cli::args::client::Listing;
use crate::cli::render::infrastructure;

pub(super) async fn containers((context, listing): (Context, Listing)) -> Result<(), Failure> {
    let items = context.client.list(&["containers"]).await?;
    let empty = "there are no containers; `launcher launch SERVICE --image REF` creates some";
    context.show(items, listing.json, empty, infrastructure::containers)
}
