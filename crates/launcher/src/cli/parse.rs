//! From what was typed to a [`Cli`].

use std::ffi::{OsStr, OsString};

use clap::{Command, CommandFactory, FromArgMatches};

use launcher_agent::check::Outcome;

use super::Cli;
use super::output::Output;

/// Reads the program's arguments; ends it where they are wrong, or ask for help.
pub(crate) fn parse() -> Cli {
    let mut command = Cli::command();
    command.build();
    let command = with_plain_usage(command);
    let mut typed: Vec<OsString> = std::env::args_os().collect();
    move_behind_command(&command, &mut typed);
    let checks = is_check(&typed);
    let matches = command.try_get_matches_from(typed).unwrap_or_else(|error| {
        if checks && error.use_stderr() {
            std::process::exit(not_checked(&error));
        }
        error.exit()
    });
    Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.format(&mut Cli::command()).exit())
}

/// Whether what was typed is run by monitoring, to which a status of 2 would say that something is critical.
fn is_check(typed: &[OsString]) -> bool {
    typed.windows(2).any(|words| words[0] == "agent" && words[1] == "check")
}

/// Says on one line that a check was typed wrong, and gives the status for that.
fn not_checked(error: &clap::Error) -> i32 {
    let words = error.to_string();
    let first = words.lines().next().unwrap_or_default();
    let why = first.strip_prefix("error: ").unwrap_or(first);
    let outcome =
        Outcome::unknown("CHECK", format!("{why}; `launcher agent check --help` tells how"));
    // Nobody may be reading; the status tells the rest.
    let _ = Output.line(&outcome.to_string());
    i32::from(outcome.status.code())
}

/// The usage that is told with a mistake is the one of the help. clap would take what a variable says
/// for something that was typed, and show its option as if it had to be there.
fn with_plain_usage(mut command: Command) -> Command {
    let usage = command.render_usage().ansi().to_string();
    let command = command.mut_subcommands(with_plain_usage);
    match usage.split_once(' ') {
        Some((_heading, usage)) => command.override_usage(usage.to_owned()),
        None => command,
    }
}

/// Options that most commands have, and how many words each is. They may stand before the command too.
const SHARED: [(&str, usize); 4] =
    [("--url", 2), ("--token-file", 2), ("--data", 2), ("--json", 1)];

/// Moves the options that stand before the command's name behind it, where it says itself whether it
/// has them.
fn move_behind_command(mut command: &Command, typed: &mut [OsString]) {
    let mut options_end = 1;
    while let Some(words) = typed.get(options_end).and_then(|word| words_of(word)) {
        options_end += words;
    }
    let mut name_end = options_end;
    while let Some(named) = typed.get(name_end).and_then(|word| command.find_subcommand(word)) {
        command = named;
        name_end += 1;
    }
    if let Some(both) = typed.get_mut(1..name_end) {
        both.rotate_left(options_end - 1);
    }
}

fn words_of(word: &OsStr) -> Option<usize> {
    let word = word.to_str()?;
    SHARED.iter().find_map(|(option, words)| match word.strip_prefix(option)? {
        "" => Some(*words),
        value => value.starts_with('=').then_some(1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_before_a_command_are_moved_behind_its_name() {
        let mut command = Cli::command();
        command.build();
        for (typed, moved) in [
            ("--url http://a status shop", "status --url http://a shop"),
            ("--url=http://a --json status", "status --url=http://a --json"),
            ("--data status secret list", "secret list --data status"),
            ("--url http://a exec shop 1 -- ls --json", "exec --url http://a shop 1 -- ls --json"),
            ("status --url http://a", "status --url http://a"),
            ("--urls status", "--urls status"),
            ("--url", "--url"),
            ("--url http://a", "--url http://a"),
            ("--help", "--help"),
            ("", ""),
        ] {
            let words = |line: &str| -> Vec<OsString> {
                ["launcher"]
                    .into_iter()
                    .chain(line.split_whitespace())
                    .map(OsString::from)
                    .collect()
            };
            let mut arranged = words(typed);
            move_behind_command(&command, &mut arranged);
            assert_eq!(arranged, words(moved), "{typed}");
        }
    }
}
