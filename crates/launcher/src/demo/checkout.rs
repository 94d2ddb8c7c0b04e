//! The working copy of the small shop that is shown: this very program as the sample application, in a
//! repository that is pushed to the server as anybody's would be.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use launcher_model::Span;
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use super::SERVICE;
use super::image::{Base, Recipe, dockerfile};

/// The branch that production follows.
const BRANCH: &str = "main";
/// What the server is called in the working copy.
const REMOTE: &str = "launcher";
/// What of git's settings the demonstration sees to itself: nothing of this user's counts, and a program
/// of some megabytes need not be compressed to be pushed to this machine.
const SETTINGS: [&str; 8] = [
    "core.compression=0",
    "pack.compression=0",
    "core.hooksPath=/dev/null",
    "commit.gpgSign=false",
    "user.name=Demo",
    "user.email=demo@localhost",
    "init.defaultBranch=main",
    "http.proxy=",
];

/// The working copy.
#[derive(Debug)]
pub(super) struct Checkout {
    /// Its folder.
    pub(super) path: PathBuf,
}

impl Checkout {
    /// Makes it, with the program's files and the server as a remote.
    ///
    /// # Errors
    /// When it cannot be written, or there is no git.
    pub(super) async fn make(path: PathBuf, base: &Base, remote: &Remote) -> Result<Self> {
        base.write(&path).await?;
        let checkout = Self { path };
        checkout.git(&["init", "--quiet"]).await?;
        checkout.git(&["remote", "add", REMOTE, remote.address.expose_secret()]).await?;
        Ok(checkout)
    }

    /// Commits a version of the shop.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) async fn commit(&self, recipe: &Recipe, start_period: Span) -> Result<()> {
        self.write("Dockerfile", &dockerfile(recipe)?).await?;
        self.write("launcher.toml", &settings(start_period)).await?;
        self.git(&["add", "--all"]).await?;
        self.git(&["commit", "--quiet", "--message", &format!("Version {}", recipe.version)]).await
    }

    /// Pushes it, and hands on each line of what the server tells.
    ///
    /// # Errors
    /// When the push is not taken.
    pub(super) async fn push(&self, mut told: impl FnMut(&str)) -> Result<()> {
        let mut command = self.command(&["push", "--quiet", REMOTE, BRANCH]);
        let mut child = command.stderr(Stdio::piped()).spawn().context(NO_GIT)?;
        let said = child.stderr.take().context("git says nothing")?;
        let mut lines = BufReader::new(said).lines();
        let mut last = String::new();
        while let Some(line) = lines.next_line().await.context("git cannot be read")? {
            let line = line.trim_end();
            told(line.strip_prefix("remote: ").unwrap_or(line));
            line.clone_into(&mut last);
        }
        let status = child.wait().await.context("git did not end")?;
        if !status.success() {
            bail!("git push failed: {last}");
        }
        Ok(())
    }

    async fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.path.join(name);
        let written = tokio::fs::write(&path, text).await;
        written.with_context(|| format!("cannot write {}", path.display()))
    }

    async fn git(&self, arguments: &[&str]) -> Result<()> {
        let output = self.command(arguments).output().await.context(NO_GIT)?;
        if !output.status.success() {
            let doing = arguments.first().unwrap_or(&"");
            bail!("git {doing} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        command.args(arguments).current_dir(&self.path).kill_on_drop(true);
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
        command.env("GIT_TERMINAL_PROMPT", "0").env("no_proxy", "*");
        for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
            command.env_remove(variable);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    }
}

const NO_GIT: &str = "cannot run git; `make demo` installs it, as does the package git";

/// Where the working copy is pushed to.
#[derive(Debug)]
pub(super) struct Remote {
    address: SecretString,
}

impl Remote {
    /// The repository of the service that is shown, with a token as the password.
    pub(super) fn new(page: std::net::SocketAddr, token: &SecretString) -> Self {
        let token = token.expose_secret();
        let address = format!("http://demo:{token}@{page}/git/{SERVICE}.git");
        Self { address: SecretString::from(address) }
    }
}

/// What the shop's launcher.toml says.
pub(super) fn settings(start_period: Span) -> String {
    format!(
        "[service]\nname = \"{SERVICE}\"\nbuild = \".\"\nport = 8080\nreplicas = {REPLICAS}\n\
         hosts = [\"{SERVICE}.localhost\"]\n\n\
         [health]\npath = \"/healthz\"\ninterval = \"200ms\"\nstart_period = \"{start_period}\"\n\n\
         [test]\ncommand = [\"/launcher\", \"--version\"]\n"
    )
}

/// How many containers a version has.
pub(super) const REPLICAS: u16 = 3;

/// Where the working copy of a run is.
pub(super) fn place(directory: &Path) -> PathBuf {
    directory.join(SERVICE)
}
