//! `edges`.

use launcher_server::api::views::{InvitationBody, InvitationView};
use reqwest::Method;

use super::{Context, NO_BODY};
use crate::cli::Failure;
use crate::cli::args::client::{Invite, Listing, OneEdge};
use crate::cli::output::say;
use crate::cli::render::infrastructure;

pub(super) async fn list((context, listing): (Context, Listing)) -> Result<(), Failure> {
    let items = context.client.list(&["edges"]).await?;
    let empty = "there is no edge; `launcher up` runs one beside the server, and `launcher edges invite NAME` lets one of another machine join";
    context.show(items, listing.json, empty, infrastructure::edges)
}

pub(super) async fn invite((context, invite): (Context, Invite)) -> Result<(), Failure> {
    let body = InvitationBody { name: invite.name };
    let view: InvitationView = context.client.create_unkept(&["edges"], &body).await?;
    if invite.json {
        return context.out.json(&view);
    }
    context.out.line(&view.token)?;
    say(&format!(
        "this token lets {} join, once, until {}; it is shown this once. On its machine, run\n  launcher edge --server https://{} --token TOKEN --data /var/lib/launcher-edge --http 0.0.0.0:80",
        view.name, view.expires_at, view.server
    ));
    Ok(())
}

pub(super) async fn revoke((context, edge): (Context, OneEdge)) -> Result<(), Failure> {
    let name = edge.name.as_str();
    let () = context.client.change(Method::DELETE, &["edges", name], &[], NO_BODY).await?;
    say(&format!(
        "the edge {name} is revoked; stop it on its machine, it serves on with the routes that it has"
    ));
    Ok(())
}
