//! From what was typed to a [`Cli`].

use clap::{Command, CommandFactory, FromArgMatches};

use super::Cli;

/// Reads the program's arguments; ends it where they are wrong, or ask for help.
pub(crate) fn parse() -> Cli {
    let mut command = Cli::command();
    command.build();
    let command = with_plain_usage(command);
    let matches = command.get_matches();
    Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.format(&mut Cli::command()).exit())
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
