//! What can be typed of the commands that talk to a server.

use std::num::IntErrorKind;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use launcher_model::environment::{self, ReplicasOutOfRange};
use launcher_model::secret::SecretName;
use launcher_model::{EdgeName, ServiceName, Span, VersionNumber, Weight};

use super::examples;

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
    /// Put a version live, for all or for some of the traffic
    #[command(after_help = examples::DEPLOY)]
    Deploy(To<Deploy>),
    /// Print a link that shows a version on the production hostname, live or not
    #[command(after_help = examples::TRY)]
    Try(To<Try>),
    /// Go back to the version that was live before, or to any that is kept
    #[command(after_help = examples::ROLLBACK)]
    Rollback(To<Rollback>),
    /// Have new requests wait, such as while a database is changed
    #[command(after_help = examples::HOLD)]
    Hold(To<Hold>),
    /// Let the requests go that wait
    #[command(after_help = examples::RELEASE)]
    Release(To<Release>),
    /// List a service's deployments with their receipts
    #[command(after_help = examples::HISTORY)]
    History(To<History>),
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
    /// List the hosts that containers run on
    #[command(after_help = examples::HOSTS)]
    Hosts(To<Listing>),
    /// List the edges that carry the traffic; invite and revoke those of other machines
    #[command(after_help = examples::EDGES, args_conflicts_with_subcommands = true)]
    Edges(Edges),
    /// List the containers of all services
    #[command(after_help = examples::CONTAINERS)]
    Containers(To<Listing>),
    /// Print what happened, and with -f what happens
    #[command(after_help = examples::EVENTS)]
    Events(To<Events>),
    /// Set, list and unset secrets
    #[command(subcommand, after_help = examples::SECRET)]
    Secret(SecretCommand),
    /// Create, list and revoke tokens
    #[command(subcommand, after_help = examples::TOKEN)]
    Token(TokenCommand),
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

/// `apply`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Apply {
    /// The file; `-` is standard input
    #[arg(short, long, value_name = "FILE", default_value = "launcher.toml")]
    pub(crate) file: PathBuf,
    /// Only say what would change
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) listing: Listing,
}

/// `status`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Status {
    /// Only this service
    pub(crate) service: Option<ServiceName>,
    #[command(flatten)]
    pub(crate) listing: Listing,
}

/// `delete`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Delete {
    /// The service
    pub(crate) service: ServiceName,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}

/// `launch`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Launch {
    /// The service
    pub(crate) service: ServiceName,
    /// The image: a reference, an image id of the engine, or `:TAG` of the service's repository
    /// [default: the repository's `latest`]
    #[arg(long, value_name = "REF")]
    pub(crate) image: Option<String>,
    /// The branch that it was built from
    #[arg(long)]
    pub(crate) branch: Option<String>,
    /// The commit that it was built from
    #[arg(long)]
    pub(crate) commit: Option<String>,
    /// Wait until the environment is ready, or has failed
    #[arg(long)]
    pub(crate) wait: bool,
    #[command(flatten)]
    pub(crate) listing: Listing,
}

/// `deploy`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Deploy {
    /// The service
    pub(crate) service: ServiceName,
    /// The version, such as 42 or v42
    pub(crate) version: VersionNumber,
    /// So many percent of the traffic; the rest stays with what is live, and 0 takes the version out
    #[arg(long, value_name = "N")]
    pub(crate) weight: Option<Weight>,
    #[command(flatten)]
    pub(crate) switch: Switch,
}

/// `try`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Try {
    /// Print the header for a request instead
    #[arg(long)]
    pub(crate) header: bool,
    #[command(flatten)]
    pub(crate) of: OneVersion,
}

/// `rollback`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Rollback {
    /// The service
    pub(crate) service: ServiceName,
    /// The version [default: the one that had all traffic before]
    pub(crate) version: Option<VersionNumber>,
    #[command(flatten)]
    pub(crate) switch: Switch,
}

/// What a deployment and a rollback have in common.
#[derive(Debug, Clone, Args)]
pub(crate) struct Switch {
    /// Why, for the history
    #[arg(long)]
    pub(crate) note: Option<String>,
    /// Have new requests wait around the flip, at most for so long (up to 1m), until those before it are
    /// answered
    #[arg(long, value_name = "TIME")]
    pub(crate) hold: Option<Span>,
    /// Show each edge's part too
    #[arg(short, long)]
    pub(crate) verbose: bool,
    #[command(flatten)]
    pub(crate) listing: Listing,
}

/// `hold`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Hold {
    /// The service
    pub(crate) service: ServiceName,
    /// At most for so long, such as 30s (up to 1m); then they are let go by themselves
    #[arg(long = "for", value_name = "TIME")]
    pub(crate) within: Span,
    #[command(flatten)]
    pub(crate) listing: Listing,
}

/// `release`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Release {
    /// The service
    pub(crate) service: ServiceName,
    #[command(flatten)]
    pub(crate) listing: Listing,
}

/// `history`.
#[derive(Debug, Clone, Args)]
pub(crate) struct History {
    /// The service
    pub(crate) service: ServiceName,
    /// Only the newest N
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) tail: Option<usize>,
    #[command(flatten)]
    pub(crate) listing: Listing,
}

/// `logs`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Logs {
    /// The service
    pub(crate) service: ServiceName,
    /// The version [default: the live one]
    pub(crate) version: Option<VersionNumber>,
    /// Go on with new lines until the containers end
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// So many of each container's last lines
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100)]
    pub(crate) tail: u32,
    /// Only of the container in this place, counted from 1
    #[arg(long, value_name = "N")]
    pub(crate) slot: Option<u16>,
    /// Print one JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
}

/// `exec`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Exec {
    /// The service
    pub(crate) service: ServiceName,
    /// The version
    pub(crate) version: VersionNumber,
    /// In the container in this place, counted from 1 [default: any that runs]
    #[arg(long, value_name = "N")]
    pub(crate) slot: Option<u16>,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    pub(crate) command: Vec<String>,
}

/// `run`.
#[derive(Debug, Clone, Args)]
pub(crate) struct RunOnce {
    /// The service
    pub(crate) service: ServiceName,
    /// The version [default: the live one]
    pub(crate) version: Option<VersionNumber>,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    pub(crate) command: Vec<String>,
}

/// `scale`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Scale {
    #[command(flatten)]
    pub(crate) of: OneVersion,
    /// How many containers, from 1 to 1000
    #[arg(value_name = "N", value_parser = replicas, allow_negative_numbers = true)]
    pub(crate) replicas: u16,
}

/// What the server takes, told in its words before it is asked.
fn replicas(text: &str) -> Result<u16, String> {
    // What has too many digits for this type is no less out of range.
    let number = text.parse::<i64>().map_err(|error| match error.kind() {
        IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => ReplicasOutOfRange.to_string(),
        _ => "it takes a whole number".to_owned(),
    })?;
    environment::replicas(number).map_err(|error| error.to_string())
}

/// An environment.
#[derive(Debug, Clone, Args)]
pub(crate) struct OneVersion {
    /// The service
    pub(crate) service: ServiceName,
    /// The version, such as 42 or v42
    pub(crate) version: VersionNumber,
    #[command(flatten)]
    pub(crate) listing: Listing,
}

/// `events`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Events {
    /// Only of this service
    pub(crate) service: Option<ServiceName>,
    /// Go on with those that happen from now on
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Only the newest N [default: 50; all with --json]
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) tail: Option<usize>,
    /// Print JSON; one object per line with -f
    #[arg(long)]
    pub(crate) json: bool,
}

/// `secret`.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum SecretCommand {
    /// Give a secret a value, from standard input, a hidden prompt, or a file
    #[command(after_help = examples::SECRET_SET)]
    Set(To<SecretSet>),
    /// List the secrets that are set; their values are shown to nobody
    #[command(after_help = examples::SECRET_LIST)]
    List(To<Listing>),
    /// Make a secret unusable for new versions
    #[command(after_help = examples::SECRET_UNSET)]
    Unset(To<SecretUnset>),
}

/// `secret set`.
#[derive(Debug, Clone, Args)]
pub(crate) struct SecretSet {
    /// Its name, such as shop/database-url
    #[arg(value_parser = secret_name)]
    pub(crate) name: SecretName,
    /// A file that holds the value, taken as it is
    #[arg(long, value_name = "FILE")]
    pub(crate) from_file: Option<PathBuf>,
}

/// `secret unset`.
#[derive(Debug, Clone, Args)]
pub(crate) struct SecretUnset {
    /// Its name
    #[arg(value_parser = secret_name)]
    pub(crate) name: SecretName,
}

fn secret_name(text: &str) -> Result<SecretName, launcher_model::secret::InvalidSecretName> {
    SecretName::new(text)
}

/// `token`.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum TokenCommand {
    /// Create a token, and print it this once
    #[command(after_help = examples::TOKEN_CREATE)]
    Create(To<TokenName>),
    /// List the tokens, those revoked too
    #[command(after_help = examples::TOKEN_LIST)]
    List(To<Listing>),
    /// Make a token invalid
    #[command(after_help = examples::TOKEN_REVOKE)]
    Revoke(To<TokenName>),
    /// Make a new administrator's token when it was lost, on the server's machine
    ///
    /// The one before becomes invalid. The server must be stopped meanwhile; the edges go on serving.
    #[command(after_help = examples::TOKEN_RECOVER)]
    Recover(TokenRecover),
}

/// `token recover`.
#[derive(Debug, Clone, Args)]
pub(crate) struct TokenRecover {
    /// The server's data directory
    #[arg(long, value_name = "DIR", env = "LAUNCHER_DATA")]
    pub(crate) data: Option<PathBuf>,
}

/// `edges`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Edges {
    /// What to do with one.
    #[command(subcommand)]
    pub(crate) act: Option<EdgesCommand>,
    #[command(flatten)]
    pub(crate) list: To<Listing>,
}

/// What can be done with an edge.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum EdgesCommand {
    /// Invite an edge of another machine: prints a token that lets it join, once, within an hour
    #[command(after_help = examples::EDGES_INVITE)]
    Invite(To<Invite>),
    /// Let an edge of another machine come no more
    #[command(after_help = examples::EDGES_REVOKE)]
    Revoke(To<OneEdge>),
}

/// `edges invite`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Invite {
    /// The name by which it will be listed
    pub(crate) name: EdgeName,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// An edge's name.
#[derive(Debug, Clone, Args)]
pub(crate) struct OneEdge {
    /// Its name
    pub(crate) name: EdgeName,
}

/// A token's name.
#[derive(Debug, Clone, Args)]
pub(crate) struct TokenName {
    /// What it is called, such as whose it is
    pub(crate) name: String,
}

/// `login`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Login {
    /// The server
    pub(crate) url: String,
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
