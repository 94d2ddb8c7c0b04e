//! `agent check` and `agent metrics`: what Sensu, Nagios and their kin run.
//!
//! Whatever happens, a check prints one line on standard output and exits with 0 to 3.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use jiff::Timestamp;
use launcher_agent::Sampler;
use launcher_agent::check::{Outcome, containers, host, server, service};
use launcher_model::Span;
use launcher_scheduler::docker::residents::Residents;
use launcher_server::api::views::{EdgeState, EdgeView, HostView, ServerView, ServiceView};
use launcher_telemetry::graphite::{Names, Protocol};
use launcher_telemetry::{Key, Value};
use serde::Deserialize;

use super::args::agent::{
    AgentCommand, CheckCommand, CheckContainers, CheckHost, CheckService, MetricsArgs,
};
use super::args::client::ServerOptions;
use super::client::{Client, innermost};
use super::output::Output;
use super::{Failure, place};

/// Runs what an agent does once.
pub(super) async fn run(command: AgentCommand) -> ExitCode {
    match command {
        AgentCommand::Check(check) => tell(&judge(check).await),
        AgentCommand::Metrics(args) => match metrics(args).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => failure.report(),
        },
    }
}

/// Prints an outcome, and gives its status.
pub(super) fn tell(outcome: &Outcome) -> ExitCode {
    // Nobody may be reading; the status tells the rest.
    let _ = Output.line(&outcome.to_string());
    ExitCode::from(outcome.status.code())
}

async fn judge(check: CheckCommand) -> Outcome {
    match check {
        CheckCommand::Service(to) => {
            let within = to.what.patience.timeout;
            let asked = in_time(within, of_service(&to.server, &to.what)).await;
            asked.unwrap_or_else(|why| Outcome::unknown(service::SUBJECT, why))
        }
        CheckCommand::Host(to) => {
            let within = to.what.patience.timeout;
            // Measuring is no waiting.
            let over = if to.what.host.is_none() { to.what.over } else { Duration::ZERO };
            let asked = in_time_behind(over, within, of_host(&to.server, to.what)).await;
            asked.unwrap_or_else(|why| Outcome::unknown(host::SUBJECT, why))
        }
        CheckCommand::Containers(args) => {
            let looked = in_time(args.patience.timeout, of_containers(args)).await;
            looked.unwrap_or_else(|why| Outcome::unknown(containers::SUBJECT, why))
        }
        CheckCommand::Server(to) => {
            let within = to.what.patience.timeout;
            match in_time(within, of_server(&to.server)).await {
                // That it does not answer is what this is to find out.
                Err(why @ Failure::Late { .. }) => server::absent(&why.to_string()),
                asked => asked.unwrap_or_else(|why| Outcome::unknown(server::SUBJECT, why)),
            }
        }
    }
}

/// What monitoring runs has an end, whatever hangs.
async fn in_time(
    within: Span,
    check: impl Future<Output = Result<Outcome, Failure>>,
) -> Result<Outcome, Failure> {
    in_time_behind(Duration::ZERO, within, check).await
}

async fn in_time_behind(
    first: Duration,
    within: Span,
    check: impl Future<Output = Result<Outcome, Failure>>,
) -> Result<Outcome, Failure> {
    let outcome = tokio::time::timeout(first + within.duration(), check).await;
    outcome.unwrap_or_else(|_| Err(Failure::Late { within: within.to_string() }))
}

async fn of_service(options: &ServerOptions, asked: &CheckService) -> Result<Outcome, Failure> {
    let client = Client::new(place::find(options)?)?;
    let view: ServiceView = client.get(&["services", asked.service.as_str()]).await?;
    let live = view.environments.iter().filter_map(|environment| {
        Some(service::Live {
            version: environment.version,
            percent: environment.weight?,
            serving: environment.healthy + environment.unchecked,
            wanted: usize::from(environment.replicas),
            trouble: environment.trouble.clone(),
        })
    });
    Ok(service::judge(&service::Service {
        live: live.collect(),
        was_live: view.generation.0 > 0,
        maintenance: view.maintenance.is_some(),
        deleting: view.deleting_since.is_some(),
        name: view.name.to_string(),
    }))
}

async fn of_host(options: &ServerOptions, asked: CheckHost) -> Result<Outcome, Failure> {
    let CheckHost { host: other, limits, disk, over, patience: _ } = asked;
    let limits = limits.read().map_err(Failure::Senseless)?;
    if let Some(name) = other {
        let client = Client::new(place::find(options)?)?;
        let view: HostView = client.get(&["hosts", &name]).await?;
        return Ok(host::judge_other(&name, view.state));
    }
    // A file system of another machine may hang, and whoever asks it with it.
    let disks = move || disk.iter().map(|path| host::Disk::of(path)).collect::<Result<Vec<_>, _>>();
    let disks = tokio::task::spawn_blocking(disks).await;
    let disks = disks.map_err(|error| Failure::io("look at the disks")(error.into()))??;
    let (usage, over) = host::measure(over).await?;
    Ok(host::judge(&usage, over, &disks, limits))
}

async fn of_containers(args: CheckContainers) -> Result<Outcome, Failure> {
    let CheckContainers { limits, state, engine, patience: _ } = args;
    let limits = limits.read().map_err(Failure::Senseless)?;
    let state = state.map_or_else(state_file, Ok)?;
    let residents = Residents::at(engine.docker_host).map_err(launcher_agent::Error::from)?;
    let before = containers::Seen::read(&state)?;
    let at = Timestamp::now();
    let (now, out_of_memory) =
        containers::look(&residents, engine.installation, before.as_ref()).await?;
    let (outcome, seen) = containers::judge(&now, &out_of_memory, before.as_ref(), limits, at);
    seen.keep(&state)?;
    Ok(outcome)
}

/// In the user's state folder (<https://specifications.freedesktop.org/basedir-spec/>).
fn state_file() -> Result<PathBuf, Failure> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || set("HOME").map(|home| home.join(".local/state"));
    let folder = set("XDG_STATE_HOME").or_else(home).ok_or_else(|| {
        let why = "neither XDG_STATE_HOME nor HOME is set; name a file with --state";
        Failure::Senseless(format!("there is no folder for what the last check saw: {why}"))
    })?;
    Ok(folder.join("rocket-launcher/check-containers.json"))
}

/// What `/readyz` says, which needs no token.
#[derive(Deserialize)]
struct Ready {
    ready: bool,
    edges: usize,
}

async fn of_server(options: &ServerOptions) -> Result<Outcome, Failure> {
    let url = place::find_url(options)?;
    let ready = match ready(&url).await {
        Ok(ready) => ready,
        Err(why) => {
            let text = format!("no server answers at {} ({why})", place::shown(&url));
            return Ok(server::absent(&text));
        }
    };
    let mut told = server::Server {
        ready: ready.ready,
        engine_trouble: None,
        connected: ready.edges,
        away: Vec::new(),
    };
    // With a token more can be told.
    if let Ok(place) = place::find(options) {
        let client = Client::new(place)?;
        let view: ServerView = client.get(&["server"]).await?;
        told.engine_trouble = view.engine_trouble;
        let edges = client.list(&["edges"]).await?.into_iter();
        let edges = edges.filter_map(|edge| serde_json::from_value::<EdgeView>(edge).ok());
        let away = edges.filter(|edge| edge.state == EdgeState::Away);
        told.away = away.map(|edge| edge.name.to_string()).collect();
    }
    Ok(server::judge(&told))
}

async fn ready(url: &reqwest::Url) -> Result<Ready, String> {
    let ask = async {
        let plain = reqwest::Client::builder().no_proxy().build()?;
        let answer = plain.get(format!("{url}readyz")).send().await?;
        answer.json().await
    };
    ask.await.map_err(|error| innermost(&error))
}

async fn metrics(args: MetricsArgs) -> Result<(), Failure> {
    let MetricsArgs { host, over, engine } = args;
    let residents = Residents::at(engine.docker_host).map_err(launcher_agent::Error::from)?;
    let host = match host {
        Some(host) => host,
        None => residents.machine().await.map_err(launcher_agent::Error::from)?.name,
    };
    let mut sampler = Sampler::once(residents, engine.installation).await?;
    let (sample, over) = sampler.sample_over(over).await?;
    let at = Timestamp::now().as_second();
    let (names, seconds) = (Names::default(), over.as_secs_f64());
    let (own, usage) = (Key::Host(host.clone()), Value::Host(sample.usage.clone()));
    let mut points = names.points(&own, &usage, at, seconds);
    let on_host = names.on_host(&host);
    for ((service, version), usage) in sample.by_version() {
        let key = Key::Usage(service.clone(), version);
        points.extend(on_host.points(&key, &Value::Usage(usage), at, seconds));
    }
    Output.text(&String::from_utf8_lossy(&Protocol::Plaintext.write(&points)))
}
