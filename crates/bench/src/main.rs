//! Measures the program beside its peers: `make bench`. What each figure is, and how it is come by,
//! stands in docs/benchmarks.md.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "its output is what it is for")]

mod connections;
mod edge;
mod load;
mod memory;
mod peers;
mod process;
mod report;
mod rounds;
mod scenario;
mod statistics;
mod trace;
mod wire;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Parser;

use report::Report;
use scenario::SCENARIOS;

/// Measures the program beside its peers, and writes what it measured as JSON.
#[derive(Debug, Parser)]
struct Arguments {
    /// The figures to measure, as --list names them [default: all]
    names: Vec<String>,
    /// List the figures, and measure none
    #[arg(long)]
    list: bool,
    /// Few and short rounds: to see that it works, not for the figures
    #[arg(long)]
    quick: bool,
    /// The program to measure [default: the `launcher` beside this one]
    #[arg(long, value_name = "PATH")]
    program: Option<PathBuf>,
    /// Where the figures are written
    #[arg(long, value_name = "FILE", default_value = "target/bench.json")]
    output: PathBuf,
}

/// How thoroughly is measured, and what.
struct Settings {
    program: PathBuf,
    quick: bool,
}

impl Settings {
    /// Turns of each candidate.
    fn rounds(&self) -> usize {
        if self.quick { 3 } else { 11 }
    }

    /// How long one turn of load lasts. Short, so that what else the machine does meets all candidates.
    fn turn(&self) -> Duration {
        Duration::from_secs(if self.quick { 1 } else { 2 })
    }
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if arguments.list {
        for name in SCENARIOS.iter().flat_map(|scenario| scenario.figures) {
            println!("{name}");
        }
        return Ok(());
    }
    let known = |name: &str| SCENARIOS.iter().any(|scenario| scenario.figures.contains(&name));
    if let Some(unknown) = arguments.names.iter().find(|name| !known(name)) {
        bail!("there is no figure {unknown}; --list names them all");
    }
    if cfg!(debug_assertions) {
        eprintln!("warning: this is a debug build; its figures say nothing");
    }
    warn_of_other_work();
    let settings = Settings { program: program(arguments.program)?, quick: arguments.quick };
    let (report, failed) = measure(&settings, &arguments.names)?;
    report.print();
    report.write(&arguments.output)?;
    if failed.is_empty() {
        return Ok(());
    }
    bail!("not measured, as told above: {}", failed.join(", "))
}

/// A ratio of turns survives other work on the machine; a time does not.
fn warn_of_other_work() {
    let averages = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = averages.split_whitespace().next().and_then(|load| load.parse::<f64>().ok());
    if let Some(load) = load.filter(|load| *load > 1.0) {
        eprintln!("warning: the machine is at work (load average {load}); times will be too long");
    }
}

fn program(given: Option<PathBuf>) -> Result<PathBuf> {
    let beside = || std::env::current_exe().map(|own| own.with_file_name("launcher"));
    let program = given.map_or_else(beside, Ok).context("cannot find out where this program is")?;
    if !program.exists() {
        bail!("there is no {}; build it: cargo build --release -p launcher", program.display());
    }
    Ok(program)
}

/// Runs every scenario that has a figure of these names; all for none. One that fails is told, and does not
/// take along what the others have measured: the figures, and those that could not be had.
fn measure(settings: &Settings, names: &[String]) -> Result<(Report, Vec<&'static str>)> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build();
    let runtime = runtime.context("cannot start the runtime")?;
    let (mut report, mut failed) = (Report::default(), Vec::new());
    for scenario in SCENARIOS {
        let wanted = |name: &String| scenario.figures.contains(&name.as_str());
        if !names.is_empty() && !names.iter().any(wanted) {
            continue;
        }
        let what = scenario.figures.join(", ");
        eprintln!("measuring {what}");
        let figures = runtime.block_on((scenario.measure)(settings));
        match figures {
            Ok(figures) => report.add(figures),
            Err(error) => {
                eprintln!("error: cannot measure {what}: {error:#}");
                failed.extend(scenario.figures);
            }
        }
    }
    Ok((report, failed))
}
