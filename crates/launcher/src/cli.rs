//! The command line: what can be typed, and everything that talks to a server over HTTP.
//!
//! Data goes to standard output, all else to standard error. A command exits with 0 when it is done,
//! 1 when it was refused or failed, 2 when it was typed wrong; `exec` and `run` exit with the status of
//! what they ran.

pub(crate) mod args;
mod check;
mod client;
mod commands;
mod failure;
mod foreign;
mod init;
mod input;
mod login;
mod output;
mod pack;
mod parse;
mod place;
mod progress;
mod quoted;
mod render;
mod working_copy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use reqwest::Url;
use secrecy::SecretString;

use args::agent::{Agent, AgentCommand};
pub(crate) use args::client::ClientCommand;
use args::client::ServerOptions;
use args::{DemoArgs, EdgeArgs, SampleArgs, ServerArgs, UpArgs};
pub(crate) use failure::Failure;
pub(crate) use parse::parse;

use crate::demo::args::SampleImageArgs;

/// Blue-green deployment on your own hosts, in one program.
///
/// Every change becomes a new environment beside the one that serves production. It is looked at under
/// a URL of its own, and put live by one command; going back is one command too.
#[derive(Debug, Parser)]
#[command(name = "launcher", version)]
#[command(max_term_width = 100, after_help = args::FIRST_STEPS)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server and an edge on this machine
    Up(UpArgs),
    /// Run the server alone
    Server(ServerArgs),
    /// Run an edge alone
    Edge(Box<EdgeArgs>),
    /// Measure what this host and its containers use, for the server, Prometheus, Sensu and Graphite
    #[command(after_help = args::AGENT_EXAMPLES, args_conflicts_with_subcommands = true)]
    Agent(Box<Agent>),
    /// Show it: deploy, preview, fail and roll back a sample application under load
    Demo(DemoArgs),
    /// Run the sample application that `demo` deploys
    #[command(hide = true)]
    Sample(SampleArgs),
    /// Build an image of this program that runs as the sample application
    #[command(hide = true)]
    SampleImage(SampleImageArgs),
    /// What talks to a server.
    #[command(flatten)]
    Client(ClientCommand),
}

/// Runs a command that talks to a server.
///
/// # Errors
/// When it was refused or failed; [`Failure::report`] tells it and gives the exit status.
pub(crate) async fn run(command: ClientCommand) -> Result<(), Failure> {
    commands::run(command).await
}

/// Text of one or more lines that a terminal does nothing with but show it.
pub(crate) fn for_terminal(text: &str) -> String {
    foreign::harmless_lines(text).into_owned()
}

/// Runs what an agent does once.
pub(crate) async fn once(command: AgentCommand) -> ExitCode {
    check::run(command).await
}

/// The server that options, variables and logins say, and the token for it.
///
/// # Errors
/// When they make no sense, or there is no token.
pub(crate) fn server(options: &ServerOptions) -> Result<(Url, SecretString), Failure> {
    let place::Place { url, token } = place::find(options)?;
    Ok((url, token))
}
