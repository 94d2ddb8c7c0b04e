//! `notifications`.

use launcher_server::api::views::TestedView;
use reqwest::Method;

use super::{Context, NO_BODY};
use crate::cli::Failure;
use crate::cli::args::client::{Listing, OneTarget};
use crate::cli::foreign::harmless;
use crate::cli::output::say;
use crate::cli::render::{millis, notifications};

pub(super) async fn list((context, listing): (Context, Listing)) -> Result<(), Failure> {
    let items = context.client.list(&["notifications"]).await?;
    let empty = "nobody is told what happens; name who shall be in the server's config.toml: docs/notifications.md";
    context.show(items, listing.json, empty, notifications::targets)
}

pub(super) async fn test((context, target): (Context, OneTarget)) -> Result<(), Failure> {
    let name = target.name.as_str();
    let path = ["notifications", name, "test"];
    let view: TestedView = context.client.change(Method::POST, &path, &[], NO_BODY).await?;
    if target.json {
        context.out.json(&view)?;
    } else if view.told {
        let took = view.took_ms.map(millis).unwrap_or_default();
        say(&format!("{name} has the test message, after {took}"));
    }
    match (view.told, view.why) {
        (true, _) => Ok(()),
        (false, why) => {
            let why = why.unwrap_or_else(|| "the server does not say why".to_owned());
            Err(Failure::Senseless(format!("{name} could not be told: {}", harmless(&why))))
        }
    }
}
