//! Why a command did not do what it was asked.

use std::path::PathBuf;
use std::process::ExitCode;

use launcher_model::build::BuildState;
use launcher_model::environment::EnvironmentState;
use launcher_model::service::FileError;
use launcher_model::{BuildId, ServiceName, VersionNumber};

/// Why a command did not do what it was asked: what, why, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Nothing listens there.
    #[error(
        "no server answers at {url} ({why}); start one with `launcher up`, or say where it is with LAUNCHER_URL or `launcher login URL`"
    )]
    NoServer { url: String, why: String },
    /// A check took too long.
    #[error("no answer within {within}; --timeout gives more time")]
    Late { within: String },
    /// The server went away in the middle.
    #[error(
        "the connection to {url} broke while {doing} ({why}); `launcher status` shows what was done"
    )]
    Broken { url: String, doing: String, why: String },
    /// The server went away while something was sent that cannot be begun anew.
    #[error(
        "the connection to {url} broke while the working copy was being sent ({why}); `launcher builds` shows whether it was taken in, and the same command sends it again"
    )]
    NotSent { url: String, why: String },
    /// There is no token to call with.
    #[error(
        "there is no token for {url}: set LAUNCHER_TOKEN, or run `launcher login {url}`{}",
        also(.tried)
    )]
    NoToken { url: String, tried: Option<String> },
    /// Not a URL.
    #[error(
        "{given:?} is not a server's URL; write it with its scheme, such as http://127.0.0.1:7070"
    )]
    Url { given: String },
    /// The server refused.
    #[error("{detail}")]
    Refused { status: u16, kind: String, detail: String },
    /// Something else than the server's API answers.
    #[error(
        "what answers at {url} is not a Rocket Launcher server of this version ({why}); check the URL, and `launcher doctor`"
    )]
    Strange { url: String, why: String },
    /// A `launcher.toml` with a mistake in it.
    #[error("{0}")]
    Spec(#[from] FileError),
    /// A file, or the terminal, cannot be used.
    #[error("cannot {doing}: {source}{}", hint.as_deref().map(|hint| format!("; {hint}")).unwrap_or_default())]
    Io { doing: String, source: std::io::Error, hint: Option<String> },
    /// A kept login cannot be read.
    #[error("{} cannot be read as a login ({why}); `launcher logout` removes it", .file.display())]
    Login { file: PathBuf, why: String },
    /// An environment that was waited for did not become ready.
    #[error("{service} {version} {}{}{}", became(*.state), told(.reason, .log), more(.service, *.version, .log))]
    NotReady {
        service: ServiceName,
        version: VersionNumber,
        state: EnvironmentState,
        reason: Option<String>,
        log: Vec<String>,
    },
    /// A build that was waited for did not pass.
    #[error("build {id}{}", not_built(*.state, .reason))]
    NotBuilt { id: BuildId, state: BuildState, reason: String },
    /// Some edges serve as before.
    #[error(
        "the maintenance of {service} has not changed on {edges}: what they serve is what they served before; `launcher edges` tells how they are, and the same command may be repeated"
    )]
    Unacknowledged { service: ServiceName, edges: String },
    /// Something could not be measured.
    #[error(transparent)]
    Measuring(#[from] launcher_agent::Error),
    /// What was asked makes no sense here.
    #[error("{0}")]
    Senseless(String),
    /// `doctor` found something.
    #[error("{0}; what to do stands above")]
    Unwell(String),
    /// A command in a container ended with this status, and has said itself what there is to say.
    #[error("the command ended with status {0}")]
    Ended(u8),
    /// Nobody reads what is printed any more.
    #[error("standard output is closed")]
    ReaderGone,
}

fn also(tried: &Option<String>) -> String {
    tried.as_ref().map(|tried| format!(" ({tried})")).unwrap_or_default()
}

fn became(state: EnvironmentState) -> &'static str {
    match state {
        EnvironmentState::Failed => "has failed",
        EnvironmentState::Destroyed => "was destroyed before it was ready",
        _ => "was stopped before it was ready",
    }
}

/// The reason of one that has failed says so itself.
fn not_built(state: BuildState, reason: &str) -> String {
    match (state, reason) {
        (state, "") => format!(" is {}", state.as_str()),
        (BuildState::Failed, reason) => format!(": {reason}"),
        (state, reason) => format!(" is {}: {reason}", state.as_str()),
    }
}

/// Where the rest of the log is.
fn more(service: &ServiceName, version: VersionNumber, log: &[String]) -> String {
    if log.is_empty() {
        return String::new();
    }
    format!("\n`launcher logs {service} {version}` shows all that its containers printed")
}

fn told(reason: &Option<String>, log: &[String]) -> String {
    let mut text = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    for line in log {
        text.push_str("\n  | ");
        text.push_str(line);
    }
    text
}

impl Failure {
    /// A file, or the terminal, cannot be used for this.
    pub(super) fn io(doing: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source, hint: None }
    }

    /// Whether the server is away or cannot answer yet, and may come back.
    pub(super) fn is_passing(&self) -> bool {
        self.is_absence() || matches!(self, Self::Refused { status: 503, .. })
    }

    /// Whether the server is away, and may come back.
    pub(super) fn is_absence(&self) -> bool {
        matches!(self, Self::NoServer { .. } | Self::Broken { .. })
    }

    /// Tells it on standard error, where there is something to tell, and gives the exit status.
    pub(crate) fn report(&self) -> ExitCode {
        match self {
            Self::ReaderGone => ExitCode::SUCCESS,
            Self::Ended(status) => ExitCode::from(*status),
            _ => {
                super::output::complain(&self.to_string());
                ExitCode::FAILURE
            }
        }
    }
}
