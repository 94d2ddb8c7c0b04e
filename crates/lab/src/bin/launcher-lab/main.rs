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

fn perform(arguments: Arguments) -> anyhow::Result<()> {
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
