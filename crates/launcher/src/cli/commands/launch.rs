//! `launch`.

use launcher_server::api::views::{LaunchBody, VersionView};
use reqwest::Method;
use serde_json::Value;

use super::{Context, number, wait};
use crate::cli::Failure;
use crate::cli::args::client::Launch;
use crate::cli::output::say;

pub(super) async fn launch((context, launch): (Context, Launch)) -> Result<(), Failure> {
    let Launch { service, image, branch, commit, wait, listing } = launch;
    let body = LaunchBody { image, commit, branch };
    let path = ["services", service.as_str(), "versions"];
    let answer: Value = context.client.change(Method::POST, &path, &[], Some(&body)).await?;
    let view: VersionView = context.understand(answer.clone())?;
    let version = view.version.number;
    say(&format!("{service} {version} is being created from {}", view.version.image.requested));
    if !listing.json {
        // Before it is waited for: whoever reads it knows the number also when the environment fails.
        context.out.line(&format!("{version} {}", view.environment.preview_url))?;
    }
    let ready = if wait { wait::until_ready(&context, &service, version).await } else { Ok(()) };
    if listing.json {
        let path = ["services", service.as_str(), "versions", &number(version)];
        let last = if wait { context.client.get_as_it_is(&path).await? } else { answer };
        context.out.json(&last)?;
    }
    ready?;
    say(&if wait {
        format!("{service} {version} is ready; `launcher deploy {service} {version}` puts it live")
    } else {
        format!("`launcher status {service}` shows how far it is")
    });
    Ok(())
}
