//! Blue-green deployment on your own hosts, in one program.

mod cli;
mod demo;
mod run;

use std::io::Write;
use std::process::ExitCode;

use cli::Command;
use cli::args::agent::Agent;
use cli::args::nginx::DriverName;
use cli::args::{DemoArgs, EdgeArgs, SettingArgs};
use run::config::{Config, Overrides};

fn main() -> ExitCode {
    let command = cli::parse().command;
    if let Command::Sample(sample) = command {
        return ExitCode::from(launcher_sample::main_with(sample.arguments));
    }
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    let status = runtime.block_on(perform(command));
    // A thread that reads standard input cannot be told to end, and would be waited for.
    runtime.shutdown_background();
    status
}

async fn perform(command: Command) -> ExitCode {
    let command = match command {
        Command::Agent(agent) => match *agent {
            Agent { act: Some(act), .. } => return cli::once(act).await,
            agent => Command::Agent(Box::new(agent)),
        },
        other => other,
    };
    if let Command::Client(command) = command {
        return match cli::run(command).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => failure.report(),
        };
    }
    run::begin_log();
    match Box::pin(process(command)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

async fn process(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Up(up) => run::up::run(load(up.settings)?).await,
        Command::Server(server) => run::server::run(load(server.settings)?).await,
        Command::Edge(args) => {
            let EdgeArgs {
                control,
                data,
                http,
                https,
                config,
                threads,
                driver,
                nginx,
                access_log,
                no_takeover,
                metrics,
                unmeasured,
            } = *args;
            let access_log = access_log.options();
            let (control, take_over) = (control.place(), !no_takeover);
            let nginx = (driver == DriverName::Nginx).then_some(nginx);
            let measures = !unmeasured;
            let https = run::config::https(https, config.as_deref())?;
            let options = run::edge::Options {
                control,
                data,
                http,
                https,
                threads,
                nginx,
                take_over,
                measures,
                metrics,
                access_log,
            };
            Box::pin(run::edge::run(options)).await
        }
        Command::Agent(agent) => Box::pin(run::agent::run(agent.run)).await,
        Command::Demo(DemoArgs { exit, json, keep_logs }) => {
            demo::run(demo::Options { exit, json, keep_logs }).await
        }
        Command::SampleImage(args) => demo::sample_image(args).await,
        Command::Sample(_) | Command::Client(_) => Ok(()),
    }
}

fn load(settings: SettingArgs) -> anyhow::Result<Config> {
    let SettingArgs { data, listen, http, https, edges, config } = settings;
    Config::load(&Overrides { file: config, data, listen, http, https, edges })
}

fn failed(error: &anyhow::Error) -> ExitCode {
    // A configuration's words may be in it. Nobody may be reading; the status tells the rest.
    let words = cli::for_terminal(&format!("{error:#}"));
    let _ = writeln!(std::io::stderr(), "error: {words}");
    ExitCode::FAILURE
}
