//! Commands in an environment.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use launcher_model::{ServiceName, VersionNumber};
use launcher_scheduler::{ExecRequest, OneOff, OneOffRole};

use super::views::CommandBody;
use crate::App;
use crate::http::extract::{Json, Path};
use crate::http::problem::Problem;
use crate::http::sse;

type Which = Path<(ServiceName, VersionNumber)>;

/// Runs a command in one of an environment's containers; what it prints comes as `line` events, and
/// its exit status as `exit`.
#[utoipa::path(post, path = "/services/{service}/versions/{version}/exec", tag = "environments",
    params(("service" = String, Path), ("version" = u32, Path)), request_body = CommandBody,
    responses((status = 200, content_type = "text/event-stream", body = String), (status = "4XX", body = Problem)))]
pub(super) async fn exec(
    State(app): State<App>,
    Path((service, number)): Which,
    Json(body): Json<CommandBody>,
) -> Result<Response, Problem> {
    let view = app.control.environment(&service, number).await?;
    let running = view.containers.iter().find(|checked| {
        checked.container.is_running()
            && body.slot.is_none_or(|slot| checked.container.slot == slot)
    });
    let Some(running) = running else {
        let which = body.slot.map_or(String::new(), |slot| format!(" {slot}"));
        let detail = format!(
            "no container{which} of {number} runs; start it with `launcher start {service} {number}`"
        );
        return Err(Problem::refused(detail));
    };
    let request = ExecRequest { command: checked_command(body.command)? };
    let output = app.scheduler.exec(&running.container.id, request).await?;
    Ok(sse::stream(sse::output(output)).into_response())
}

/// How long a person's one-off command may take.
const RUN_TIMEOUT: Duration = Duration::from_secs(24 * 3600);

/// Runs a command in a new container of a version, with its configuration; what it prints comes as `line` events,
/// and its exit status as `exit`. The container is removed then, or when the caller goes away.
#[utoipa::path(post, path = "/services/{service}/versions/{version}/run", tag = "environments",
    params(("service" = String, Path), ("version" = u32, Path)), request_body = CommandBody,
    responses((status = 200, content_type = "text/event-stream", body = String), (status = "4XX", body = Problem)))]
pub(super) async fn run(
    State(app): State<App>,
    Path((service, number)): Which,
    Json(body): Json<CommandBody>,
) -> Result<Response, Problem> {
    if body.slot.is_some() {
        return Err(Problem::invalid("slot is for exec; run makes a container of its own"));
    }
    let version = app.store.version(&service, number).await?;
    let version = version.ok_or(launcher_control::Error::NoVersion(service, number))?;
    let variables = app.control.variables(&version).await?;
    let one_off = OneOff {
        version: Arc::new(version),
        variables,
        command: checked_command(body.command)?,
        role: OneOffRole::Run,
        timeout: RUN_TIMEOUT,
    };
    let output = app.scheduler.run_once(&one_off).await?;
    Ok(sse::stream(sse::output(output)).into_response())
}

fn checked_command(command: Vec<String>) -> Result<Vec<String>, Problem> {
    if command.first().is_none_or(String::is_empty) || command.iter().any(|arg| arg.contains('\0'))
    {
        return Err(Problem::invalid(
            "command: give a command and its arguments, such as [\"ls\", \"-l\"]",
        ));
    }
    Ok(command)
}
