//! What can be typed of the commands that talk to a server.

mod branches;
mod builds;
mod certificates;
mod credentials;
mod deployments;
mod edges;
mod environments;
mod hosts;
mod maintenance;
mod metrics;
mod notifications;
mod people;
mod services;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use launcher_model::ServiceName;

use super::examples;

pub(crate) use branches::{Branches, BranchesCommand, BranchesOf, OneBranch};
pub(crate) use builds::{BuildList, BuildLog, Builds, BuildsCommand, Init, OneBuild, SendIn};
pub(crate) use certificates::{Certificates, CertificatesCommand, RenewCertificate};
pub(crate) use credentials::{
    Login, NewToken, SecretCommand, SecretSet, SecretUnset, TokenCommand, TokenName, TokenRecover,
};
pub(crate) use deployments::{Deploy, History, Hold, Offline, Release, Rollback, Switch, Try};
pub(crate) use edges::{Edges, EdgesCommand, Invite, OneEdge};
pub(crate) use environments::{Exec, Launch, Logs, OneVersion, RunOnce, Scale};
pub(crate) use hosts::{DrainHost, Hosts, HostsCommand, HostsList, LabelHost, OneHost};
pub(crate) use maintenance::{Maintenance, MaintenanceAct};
pub(crate) use metrics::Metrics;
pub(crate) use notifications::{Notifications, NotificationsCommand, OneTarget};
pub(crate) use people::{
    Audit, NewPerson, OnServices, OnePerson, OneSession, PersonCommand, PersonNamed,
    PersonPassword, SessionCommand, SetPerson,
};
pub(crate) use services::{Apply, Delete, Status};

/// Which server, and how to show who asks.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct ServerOptions {
    /// The server [default: that of `launcher login`, else the one of this machine]
    #[arg(long, env = "LAUNCHER_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// A file with the token; without it LAUNCHER_TOKEN is used, or the login, or DIR/admin-token
    #[arg(long, env = "LAUNCHER_TOKEN_FILE", hide_env_values = true, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// The data directory of the server of this machine
    #[arg(long, env = "LAUNCHER_DATA", hide_env_values = true, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

/// A command, and the server that it is for.
#[derive(Debug, Clone, Args)]
pub(crate) struct To<T: Args> {
    #[command(flatten)]
    pub(crate) what: T,
    #[command(flatten)]
    pub(crate) server: ServerOptions,
}

/// The commands that talk to a server.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ClientCommand {
    /// Write a launcher.toml for the application in a folder
    #[command(after_help = examples::INIT)]
    Init(Init),
    /// Create a service, or change its settings, as a launcher.toml says
    #[command(after_help = examples::APPLY)]
    Apply(To<Apply>),
    /// List the services
    #[command(after_help = examples::SERVICES)]
    Services(To<Listing>),
    /// Delete a service with everything that it has: live or not, it goes offline
    #[command(after_help = examples::DELETE)]
    Delete(To<Delete>),
    /// Show services with their environments
    #[command(after_help = examples::STATUS)]
    Status(To<Status>),
    /// Create a version from an image, and its environment beside production
    #[command(after_help = examples::LAUNCH)]
    Launch(To<Launch>),
    /// Build a folder on the server, without git, and launch it as a version
    #[command(after_help = examples::BUILD)]
    Build(To<SendIn>),
    /// List builds, runs from source to a version; show, follow, cancel and retry one
    #[command(after_help = examples::BUILDS, args_conflicts_with_subcommands = true)]
    Builds(Builds),
    /// List the branches that have an environment
    #[command(after_help = examples::BRANCHES)]
    Branches(Branches),
    /// Put a version live, for all or for some of the traffic
    #[command(after_help = examples::DEPLOY)]
    Deploy(To<Deploy>),
    /// Print a link that shows a version on the production hostname, live or not
    #[command(after_help = examples::TRY)]
    Try(To<Try>),
    /// Go back to the version that was live before, or to any that is kept
    #[command(after_help = examples::ROLLBACK)]
    Rollback(To<Rollback>),
    /// Take a service offline: nothing of it is live, and its users get 503
    #[command(after_help = examples::OFFLINE)]
    Offline(To<Offline>),
    /// Have new requests wait, such as while a database is changed
    #[command(after_help = examples::HOLD)]
    Hold(To<Hold>),
    /// Let the requests go that wait
    #[command(after_help = examples::RELEASE)]
    Release(To<Release>),
    /// Close a service to its users with a page of your own, and open it again
    #[command(after_help = examples::MAINTENANCE)]
    Maintenance(To<Maintenance>),
    /// List a service's deployments with their receipts
    #[command(after_help = examples::HISTORY)]
    History(To<History>),
    /// Show what was measured of environments, side by side, or of a host
    #[command(after_help = examples::METRICS)]
    Metrics(To<Metrics>),
    /// Print what an environment's containers log
    #[command(after_help = examples::LOGS)]
    Logs(To<Logs>),
    /// Run a command in a container of an environment, and exit with its status
    #[command(after_help = examples::EXEC)]
    Exec(To<Exec>),
    /// Run a one-off command in a new container of a version, and exit with its status
    #[command(after_help = examples::RUN)]
    Run(To<RunOnce>),
    /// Change how many containers an environment has
    #[command(after_help = examples::SCALE)]
    Scale(To<Scale>),
    /// Stop an environment that is not live; its containers are kept
    #[command(after_help = examples::STOP)]
    Stop(To<OneVersion>),
    /// Start a stopped environment again
    #[command(after_help = examples::START)]
    Start(To<OneVersion>),
    /// Remove an environment's containers; its record stays
    #[command(after_help = examples::DESTROY)]
    Destroy(To<OneVersion>),
    /// Keep an environment from being stopped or destroyed as it gets old
    #[command(after_help = examples::PIN)]
    Pin(To<OneVersion>),
    /// Let an environment grow old as any other
    #[command(after_help = examples::UNPIN)]
    Unpin(To<OneVersion>),
    /// List the hosts that containers run on; close, drain, open and label one
    #[command(after_help = examples::HOSTS, args_conflicts_with_subcommands = true)]
    Hosts(Hosts),
    /// List certificates, of an authority and in files; have one ordered anew
    #[command(after_help = examples::CERTIFICATES, args_conflicts_with_subcommands = true)]
    Certificates(Certificates),
    /// List the edges that carry the traffic; invite and revoke those of other machines
    #[command(after_help = examples::EDGES, args_conflicts_with_subcommands = true)]
    Edges(Edges),
    /// List the containers of all services
    #[command(after_help = examples::CONTAINERS)]
    Containers(To<Listing>),
    /// Print what happened, and with -f what happens
    #[command(after_help = examples::EVENTS)]
    Events(To<Events>),
    /// List who is told what happens, and whether they can be; send one a test message
    #[command(after_help = examples::NOTIFICATIONS, args_conflicts_with_subcommands = true)]
    Notifications(Notifications),
    /// Set, list and unset secrets
    #[command(subcommand, after_help = examples::SECRET)]
    Secret(SecretCommand),
    /// Create, list and revoke tokens
    #[command(subcommand, after_help = examples::TOKEN)]
    Token(TokenCommand),
    /// Add, list, change and remove people, who sign in to the pages
    #[command(subcommand, after_help = examples::PERSON)]
    Person(PersonCommand),
    /// List and end the sessions of the pages
    #[command(subcommand, after_help = examples::SESSION)]
    Session(SessionCommand),
    /// Show who did what, when and from where
    #[command(after_help = examples::AUDIT)]
    Audit(To<Audit>),
    /// Keep a server's URL and a token for the commands that follow
    #[command(after_help = examples::LOGIN)]
    Login(Login),
    /// Forget what `launcher login` kept
    #[command(after_help = examples::LOGOUT)]
    Logout,
    /// Check that everything is in order, and say what to do where it is not
    #[command(after_help = examples::DOCTOR)]
    Doctor(To<Listing>),
    /// Print a shell's completions
    #[command(after_help = examples::COMPLETIONS)]
    Completions(Completions),
    /// Print the manual page, or write those of all commands
    #[command(after_help = examples::MAN)]
    Man(Man),
}

/// How to print.
#[derive(Debug, Clone, Args)]
pub(crate) struct Listing {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `events`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Events {
    /// Only of this service
    pub(crate) service: Option<ServiceName>,
    /// Only of this kind, such as deployment_live, or of all of a group, such as build; several with commas
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Option<String>,
    /// Only what this person or token did
    #[arg(long, value_name = "NAME")]
    pub(crate) who: Option<String>,
    /// From when on: how long ago, such as 12h, or a time such as 2026-11-24T08:15:00Z, or a day
    #[arg(long, value_name = "TIME", conflicts_with = "follow")]
    pub(crate) from: Option<String>,
    /// Until when, likewise
    #[arg(long, value_name = "TIME", conflicts_with = "follow")]
    pub(crate) to: Option<String>,
    /// Go on with those that happen from now on
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Only the newest N [default: 50; all with --json and --csv]
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) tail: Option<usize>,
    /// Print JSON; one object per line with -f
    #[arg(long, conflicts_with = "csv")]
    pub(crate) json: bool,
    /// Print comma-separated values, the newest first
    #[arg(long, conflicts_with = "follow")]
    pub(crate) csv: bool,
}

/// `completions`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

/// `man`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Man {
    /// Write one page per command into this directory
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}
