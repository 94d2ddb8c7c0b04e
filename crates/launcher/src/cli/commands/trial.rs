//! `try`.

use launcher_model::environment::{EnvironmentState, Wanted};
use launcher_server::api::views::VersionView;
use serde_json::Value;

use super::{Context, number};
use crate::cli::Failure;
use crate::cli::args::client::{OneVersion, Try};

pub(super) async fn link((context, wanted): (Context, Try)) -> Result<(), Failure> {
    let Try { header, of: OneVersion { service, version, listing } } = wanted;
    let path = ["services", service.as_str(), "versions", &number(version)];
    let answer: Value = context.client.get(&path).await?;
    if listing.json {
        let part = |key: &str| answer.get(key).cloned().unwrap_or_default();
        let both = serde_json::json!({ "try_url": part("try_url"), "try_pass": part("try_pass") });
        return context.out.json(&both);
    }
    let view: VersionView = context.understand(answer)?;
    let environment = &view.environment;
    if environment.wanted != Wanted::Running || environment.state == EnvironmentState::Failed {
        let (state, what) = (environment.state, format!("launcher start {service} {version}"));
        return Err(Failure::Senseless(format!(
            "{version} of {service} is {state}, so there is nothing to try; `{what}` starts what is stopped"
        )));
    }
    if header {
        return context.out.line(&format!("Launcher-Try: {}", view.try_pass));
    }
    let url = view.try_url.ok_or_else(|| {
        Failure::Senseless(format!(
            "{service} has no production hostname to try a version on; name one in `hosts` of its \
             launcher.toml, or look at {}",
            environment.preview_url
        ))
    })?;
    context.out.line(&url)
}
