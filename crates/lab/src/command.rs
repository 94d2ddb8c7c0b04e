//! Running programs to their end.

use std::io::ErrorKind;
use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::{Error, Result};

/// Runs a program, its arguments separated by single spaces, and returns what it wrote to its output.
///
/// # Errors
/// When it cannot be started, or fails; with what it said.
pub(crate) async fn run(command: &str) -> Result<String> {
    run_with(command, "").await
}

/// The same, with something to read.
///
/// # Errors
/// As [`run`].
pub(crate) async fn run_with(command: &str, input: &str) -> Result<String> {
    let mut words = command.split(' ');
    let program = words.next().unwrap_or_default();
    let mut child = Command::new(program)
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|why| cannot_start(program, why))?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that ends before it has read everything says why by itself.
        let _ = stdin.write_all(input.as_bytes()).await;
    }
    let output = child.wait_with_output().await.map_err(|why| cannot_start(program, why))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let said = if said.is_empty() { output.status.to_string() } else { said };
    Err(Error::Failed { command: command.to_owned(), said })
}

/// Why a program could not be started.
pub(crate) fn cannot_start(program: &str, why: std::io::Error) -> Error {
    if why.kind() == ErrorKind::NotFound {
        Error::Missing(program.to_owned())
    } else {
        Error::Start { program: program.to_owned(), why }
    }
}
