//! Running `git`.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use crate::{Error, Result};

/// What a push, or a fetch from elsewhere, may weigh, in bytes.
pub(super) const MOST_PUSHED: &str = "2147483648";

/// Settings that hold whatever a repository's own file says.
///
/// - Hooks are looked for where none can be.
/// - What comes in is checked: names such as `.git`, links out of the tree, broken objects are refused
///   before they leave their quarantine.
/// - A push may rewrite and delete branches; the repository has no working copy that could suffer.
/// - Repositories need not belong to who runs the server, as after a restored backup.
const SETTINGS: [(&str, &str); 12] = [
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.attributesFile", "/dev/null"),
    ("receive.fsckObjects", "true"),
    ("fetch.fsckObjects", "true"),
    ("receive.maxInputSize", MOST_PUSHED),
    ("receive.denyDeleteCurrent", "ignore"),
    ("receive.advertisePushOptions", "true"),
    ("receive.autogc", "false"),
    ("uploadpack.allowAnySHA1InWant", "false"),
    ("gc.auto", "2000"),
    ("safe.directory", "*"),
];

/// `git` for a repository, with nothing of the environment but what it needs.
pub(super) fn git(directory: &Path) -> Command {
    prepared("git", directory, &[])
}

/// A program that is `git`, or becomes it, with settings of its own beside those of every one.
pub(super) fn prepared(program: &str, directory: &Path, more: &[(&str, &str)]) -> Command {
    let mut command = Command::new(program);
    command.env_clear().current_dir(directory);
    for kept in ["PATH", "TMPDIR"] {
        if let Some(value) = std::env::var_os(kept) {
            command.env(kept, value);
        }
    }
    command
        .env("LC_ALL", "C.UTF-8")
        .env("HOME", directory)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_DIR", directory);
    command.env("GIT_CONFIG_COUNT", (SETTINGS.len() + more.len()).to_string());
    for (i, (key, value)) in SETTINGS.iter().chain(more).enumerate() {
        command.env(format!("GIT_CONFIG_KEY_{i}"), key);
        command.env(format!("GIT_CONFIG_VALUE_{i}"), value);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.kill_on_drop(true);
    command
}

/// What a command that ends by itself has printed.
///
/// # Errors
/// When it cannot be run, or fails.
pub(super) async fn output(doing: &'static str, command: &mut Command) -> Result<Vec<u8>> {
    let output = command.output().await.map_err(|error| not_run(doing, &error))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::Git { doing, why })
}

pub(super) fn not_run(doing: &'static str, error: &std::io::Error) -> Error {
    if error.kind() == std::io::ErrorKind::NotFound {
        return Error::NoGit;
    }
    Error::Git { doing, why: error.to_string() }
}
