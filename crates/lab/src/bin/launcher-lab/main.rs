//! Several hosts on this machine, for people: brings them up, and has things happen to them.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "its output is what it is for")]

mod args;
mod ask;
mod configuration;
mod control;
mod show;
mod site;
mod up;

use std::process::ExitCode;

use anyhow::bail;
use clap::Parser;

use args::{Arguments, Command, UpArgs};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match perform(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// A new lab gets a name of its own.
fn check(arguments: &Arguments) -> anyhow::Result<()> {
    let is_up = matches!(arguments.command, None | Some(Command::Up(_)));
    if is_up && arguments.lab.is_some() {
        bail!(
            "--lab says which lab a command is for, and `up` makes a new one, which gets a name of its own; \
             leave it out"
        );
    }
    Ok(())
}

fn perform(arguments: Arguments) -> anyhow::Result<()> {
    check(&arguments)?;
    let lab = arguments.lab.as_deref();
    match arguments.command.unwrap_or_else(|| Command::Up(UpArgs::default())) {
        Command::Up(options) => up::run(&options),
        Command::Status { json } => ask::status(lab, json),
        Command::Cut { host } => ask::change(lab, &host, control::Change::Cut),
        Command::Mend { host } => ask::change(lab, &host, control::Change::Mend),
        Command::Kill { host } => ask::change(lab, &host, control::Change::Kill),
        Command::Revive { host } => ask::change(lab, &host, control::Change::Revive),
        Command::StopEngine { host } => ask::change(lab, &host, control::Change::StopEngine),
        Command::StartEngine { host } => ask::change(lab, &host, control::Change::StartEngine),
        Command::Push { name, image } => ask::push(lab, &name, &image),
        Command::Exec { host, command } => ask::exec(lab, &host, &command),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_lab_is_given_no_name() {
        for typed in [&["up", "--bare", "--lab", "mine"][..], &["--lab", "mine"]] {
            let typed = [&["launcher-lab"], typed].concat();
            let told = check(&Arguments::parse_from(typed)).unwrap_err().to_string();
            assert!(told.starts_with("--lab says which lab a command is for"), "{told}");
        }
    }
}
