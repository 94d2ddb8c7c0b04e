//! Commands in an environment.

mod attend;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use launcher_control::EnvironmentView;
use launcher_model::container::Container;
use launcher_model::{ServiceName, VersionNumber};
use launcher_scheduler::{ExecRequest, InteractRequest, OneOff, OneOffRole, TerminalSize};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use self::attend::{Attendance, Begun};
use super::views::CommandBody;
use crate::App;
use crate::access::Note;
use crate::auth::Principal;
use crate::http::extract::{Json, Path, Query};
use crate::http::problem::Problem;
use crate::http::sse;
use crate::http::websocket::WebSocket;

type Which = Path<(ServiceName, VersionNumber)>;

/// Runs a command in one of an environment's containers; what it prints comes as `line` events, and
/// its exit status as `exit`. Its input is empty: a `GET` of the same address is a WebSocket that has one.
#[utoipa::path(post, path = "/services/{service}/versions/{version}/exec", tag = "environments",
    params(("service" = String, Path), ("version" = u32, Path)), request_body = CommandBody,
    responses((status = 200, content_type = "text/event-stream", body = String), (status = "4XX", body = Problem)))]
pub(super) async fn exec(
    State(app): State<App>,
    note: Note,
    Path((service, number)): Which,
    Json(body): Json<CommandBody>,
) -> Result<Response, Problem> {
    let command = checked_command(body.command)?;
    note.command(None, &command);
    let view = app.control.environment(&service, number).await?;
    let container = running(&view, &service, number, body.slot, None)?;
    note.command(Some(&container.name), &command);
    let output = app.scheduler.exec(&container.id, ExecRequest { command }).await?;
    Ok(sse::stream(sse::output(output)).into_response())
}

/// One that runs, in this place and with an id or a name that begins so, where that was said.
fn running(
    view: &EnvironmentView,
    service: &ServiceName,
    number: VersionNumber,
    slot: Option<u16>,
    named: Option<&str>,
) -> Result<Container, Problem> {
    let fits = |one: &&Container| {
        let names = [&one.id, &one.name];
        one.is_running()
            && slot.is_none_or(|slot| one.slot == slot)
            && named.is_none_or(|start| names.iter().any(|name| name.starts_with(start)))
    };
    let mut all = view.containers.iter().map(|checked| &checked.container);
    if let Some(found) = all.find(fits) {
        return Ok(found.clone());
    }
    let place = slot.map(|slot| format!(" {slot}"));
    let name = named.map(|name| format!(" {name:?}"));
    let which = place.or(name).unwrap_or_default();
    Err(Problem::refused(format!(
        "no container{which} of {number} runs; start it with `launcher start {service} {number}`"
    )))
}

/// Has a conversation with a command in one of an environment's containers, over a WebSocket (RFC 6455).
///
/// With `columns` and `rows` the command has a terminal of that size. Messages of bytes are its input; of text,
/// `{"kind": "resize", "columns": 80, "rows": 24}` gives its terminal another size, and `{"kind": "end"}` ends its
/// input. It is answered with `{"kind": "began", "container", "id", "host"}`; with messages of bytes, which begin
/// with 1 for standard output, where all of a terminal goes, and with 2 for standard error; and at last with
/// `{"kind": "exit", "code": 0}`. `{"kind": "over", "detail"}` says what else ended it. A command whose caller goes
/// is ended. A browser must come from a page of this server.
#[utoipa::path(get, path = "/services/{service}/versions/{version}/exec", tag = "environments",
    params(("service" = String, Path), ("version" = u32, Path),
        ("command" = Vec<String>, Query, description = "The command, and once more for each of its arguments"),
        ("container" = Option<String>, Query, description = "In a container whose id or name begins so; in any that runs when nothing is said"),
        ("slot" = Option<u16>, Query, description = "In the container in this place"),
        ("columns" = Option<u16>, Query, description = "How wide its terminal is; it has none when nothing is said"),
        ("rows" = Option<u16>, Query, description = "How high its terminal is")),
    responses((status = 101, description = "A conversation"), (status = "4XX", body = Problem)))]
pub(super) async fn attend(
    State(app): State<App>,
    who: Principal,
    note: Note,
    Path((service, number)): Which,
    Query(query): Query<Vec<(String, String)>>,
    socket: WebSocket,
) -> Result<Response, Problem> {
    match begin(&app, &note, &service, number, query).await {
        Ok((container, begun)) => {
            let attendance = Attendance { app, who, container, stopping: socket.stopping.clone() };
            Ok(socket.serve(async move |socket| attendance.attend(begun, socket).await))
        }
        // A page of ours is told what went wrong by messages alone.
        Err(problem) if socket.by_browser => {
            note.refused();
            Ok(socket.serve(async move |socket| attend::refuse(socket, problem.detail()).await))
        }
        Err(problem) => Err(problem),
    }
}

/// So much input waits for a command that does not read it.
const INPUT: usize = 16;

async fn begin(
    app: &App,
    note: &Note,
    service: &ServiceName,
    number: VersionNumber,
    query: Vec<(String, String)>,
) -> Result<(Container, Begun), Problem> {
    let asked = Asked::of(query)?;
    let command = checked_command(asked.command)?;
    note.command(asked.container.as_deref(), &command);
    let view = app.control.environment(service, number).await?;
    let container = running(&view, service, number, asked.slot, asked.container.as_deref())?;
    note.command(Some(&container.name), &command);
    let (input, given) = mpsc::channel(INPUT);
    let request = InteractRequest { command, terminal: asked.terminal };
    let given = ReceiverStream::new(given).boxed();
    let output = app.scheduler.interact(&container.id, request, given).await?;
    Ok((container, Begun { output, input }))
}

/// Which command, and where.
#[derive(Default)]
struct Asked {
    command: Vec<String>,
    container: Option<String>,
    slot: Option<u16>,
    terminal: Option<TerminalSize>,
}

impl Asked {
    fn of(query: Vec<(String, String)>) -> Result<Self, Problem> {
        let number = |name: &str, value: &str| {
            let read = value.parse::<u16>();
            read.map_err(|_| Problem::invalid(format!("{name}: give a number up to {}", u16::MAX)))
        };
        let (mut asked, mut columns, mut rows) = (Self::default(), None, None);
        for (name, value) in query {
            match name.as_str() {
                "command" => asked.command.push(value),
                "container" => asked.container = Some(value).filter(|value| !value.is_empty()),
                "slot" => asked.slot = Some(number("slot", &value)?),
                "columns" => columns = Some(number("columns", &value)?),
                "rows" => rows = Some(number("rows", &value)?),
                other => {
                    let other: String = other.chars().take(40).collect();
                    return Err(Problem::invalid(format!(
                        "{other:?} is not asked for: give command, container, slot, columns and rows"
                    )));
                }
            }
        }
        asked.terminal = match (columns, rows) {
            (None, None) => None,
            (Some(columns @ 1..), Some(rows @ 1..)) => Some(TerminalSize { columns, rows }),
            _ => {
                return Err(Problem::invalid(
                    "give a terminal's columns and its rows, both above 0",
                ));
            }
        };
        Ok(asked)
    }
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
    note: Note,
    Path((service, number)): Which,
    Json(body): Json<CommandBody>,
) -> Result<Response, Problem> {
    if body.slot.is_some() {
        return Err(Problem::invalid("slot is for exec; run makes a container of its own"));
    }
    let version = app.store.version(&service, number).await?;
    let version = version.ok_or(launcher_control::Error::NoVersion(service, number))?;
    let variables = app.control.variables(&version).await?;
    let command = checked_command(body.command)?;
    note.command(None, &command);
    let one_off = OneOff {
        version: Arc::new(version),
        variables,
        command,
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
