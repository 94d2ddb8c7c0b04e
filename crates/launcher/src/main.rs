//! Blue-green deployment on your own hosts, in one program.

mod demo;
mod run;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Up(Server),
    Server(Server),
    Edge {
        #[arg(long)]
        name: launcher_model::EdgeName,
        #[arg(long)]
        data: PathBuf,
        #[arg(long)]
        http: Vec<SocketAddr>,
        #[arg(long)]
        server_socket: PathBuf,
        #[arg(long)]
        threads: Option<usize>,
    },
    Demo {
        #[arg(long)]
        exit: bool,
        #[arg(long)]
        json: bool,
        #[arg(long)]
        keep_logs: bool,
    },
    #[command(hide = true)]
    SampleImage(demo::args::SampleImageArgs),
    Sample {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

#[derive(Args)]
struct Server {
    #[arg(long)]
    config: Option<PathBuf>,
    #[arg(long)]
    data: Option<PathBuf>,
    #[arg(long)]
    listen: Option<SocketAddr>,
    #[arg(long)]
    http: Vec<SocketAddr>,
}

impl Server {
    fn load(self) -> anyhow::Result<run::config::Config> {
        let overrides = run::config::Overrides {
            file: self.config,
            data: self.data,
            listen: self.listen,
            http: self.http,
        };
        run::config::Config::load(&overrides)
    }
}

fn main() -> ExitCode {
    let command = Cli::parse().command;
    if let Command::Sample { arguments } = command {
        return ExitCode::from(launcher_sample::main_with(arguments));
    }
    let _ = rustls::crypto::ring::default_provider().install_default();
    run::begin_log();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let done = runtime.block_on(async {
        match command {
            Command::Up(server) => run::up::run(server.load()?).await,
            Command::Server(server) => run::server::run(server.load()?).await,
            Command::Edge { name, data, http, server_socket, threads } => {
                run::edge::run(run::edge::Options { name, data, http, server_socket, threads }).await
            }
            Command::Demo { exit, json, keep_logs } => {
                demo::run(demo::Options { exit, json, keep_logs }).await
            }
            Command::SampleImage(args) => demo::sample_image(args).await,
            Command::Sample { .. } => Ok(()),
        }
    });
    // A thread that reads standard input cannot be told to end, and would be waited for.
    runtime.shutdown_background();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
