//! `scale`, `stop`, `start`, `destroy`, `pin` and `unpin`.

use launcher_model::environment::{EnvironmentState, Wanted};
use launcher_server::api::views::{EnvironmentSummary, ScaleBody};
use reqwest::Method;
use serde::Serialize;
use serde_json::Value;

use super::{Context, NO_BODY, number};
use crate::cli::Failure;
use crate::cli::args::client::{OneVersion, Scale};
use crate::cli::output::say;
use crate::cli::render::services::sentence;

/// Asks for one of the verbs that the API has a path of its own for.
pub(super) async fn ask((context, of): (Context, OneVersion), verb: &str) -> Result<(), Failure> {
    change(&context, &of, Method::POST, Some(verb), NO_BODY).await
}

pub(super) async fn destroy((context, of): (Context, OneVersion)) -> Result<(), Failure> {
    change(&context, &of, Method::DELETE, None, NO_BODY).await
}

pub(super) async fn scale((context, scale): (Context, Scale)) -> Result<(), Failure> {
    let body = ScaleBody { replicas: scale.replicas };
    change(&context, &scale.of, Method::POST, Some("scale"), Some(&body)).await
}

async fn change(
    context: &Context,
    of: &OneVersion,
    method: Method,
    verb: Option<&str>,
    body: Option<&impl Serialize>,
) -> Result<(), Failure> {
    let number = number(of.version);
    let mut path = vec!["services", of.service.as_str(), "versions", &number];
    path.extend(verb);
    let answer: Value = context.client.change(method, &path, &[], body).await?;
    if of.listing.json {
        return context.out.json(&answer);
    }
    let view: EnvironmentSummary = context.understand(answer)?;
    context.out.line(&sentence(of.service.as_str(), &view))?;
    if let Some(coming) = coming(&view) {
        say(&format!("{coming}; `launcher status {}` shows how far it is", of.service));
    }
    Ok(())
}

/// What is still on its way, as the server answers before it is there.
fn coming(view: &EnvironmentSummary) -> Option<&'static str> {
    match (view.wanted, view.state) {
        (Wanted::Gone, state) if state != EnvironmentState::Destroyed => {
            Some("its containers are being removed")
        }
        (Wanted::Stopped, EnvironmentState::Creating | EnvironmentState::Ready) => {
            Some("its containers are being stopped")
        }
        (Wanted::Running, EnvironmentState::Stopped | EnvironmentState::Creating) => {
            Some("its containers are being started")
        }
        (Wanted::Running, EnvironmentState::Ready)
            if view.healthy != usize::from(view.replicas) =>
        {
            Some("its containers are on their way")
        }
        _ => None,
    }
}
