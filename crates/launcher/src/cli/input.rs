//! What is typed or piped in. Secrets are never an argument, and never shown.

use std::io::{self, IsTerminal, Read};

use console::Term;
use secrecy::SecretString;

use super::Failure;

/// Reads a secret from standard input, without the line end behind it; asks for it on a terminal.
///
/// # Errors
/// When it cannot be read, is not text, or is empty.
pub(super) fn secret(what: &str) -> Result<SecretString, Failure> {
    let mut text = if io::stdin().is_terminal() { ask(what)? } else { piped(what)? };
    let length = text.strip_suffix('\n').map(|line| line.strip_suffix('\r').unwrap_or(line).len());
    text.truncate(length.unwrap_or(text.len()));
    if text.is_empty() {
        return Err(Failure::Senseless(format!(
            "no {what} was given; type it when asked, or pipe it into standard input"
        )));
    }
    Ok(SecretString::from(text))
}

/// Asks for a line; nothing where nobody is there to ask.
///
/// # Errors
/// When it cannot be read.
pub(super) fn line(question: &str) -> Result<Option<String>, Failure> {
    let terminal = Term::stderr();
    if !terminal.is_term() || !io::stdin().is_terminal() {
        return Ok(None);
    }
    let asked = terminal.write_str(question).and_then(|()| terminal.read_line());
    asked.map(Some).map_err(Failure::io("ask on the terminal"))
}

fn ask(what: &str) -> Result<String, Failure> {
    let terminal = Term::stderr();
    let asked = terminal.write_str(&format!("{what}: ")).and_then(|()| terminal.read_secure_line());
    asked.map_err(Failure::io(format!("ask for the {what}")))
}

fn piped(what: &str) -> Result<String, Failure> {
    let mut text = String::new();
    let read = io::stdin().lock().read_to_string(&mut text);
    read.map_err(Failure::io(format!("read the {what} from standard input")))?;
    Ok(text)
}
