//! `up`: a lab from its beginning to its end.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use launcher_lab::{Lab, Options, SwarmOptions};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::args::UpArgs;
use crate::control::{self, Control};
use crate::show;
use crate::site::Site;

/// Brings a lab up, tells what is where, and keeps it until it is told to end.
///
/// # Errors
/// When it does not come up, or something of it stays.
pub(crate) fn run(options: &UpArgs) -> Result<()> {
    let program = if options.bare { None } else { Some(program(options)?) };
    let runtime = tokio::runtime::Runtime::new().context("cannot start threads")?;
    runtime.block_on(async {
        let mut stop = Stop::new()?;
        tokio::select! {
            up = stand(options, program) => up,
            // What stands by then goes when it is dropped.
            () = stop.told() => Ok(()),
        }
    })
}

/// Brings it up, and answers to commands until something fails, or this is dropped.
async fn stand(options: &UpArgs, program: Option<PathBuf>) -> Result<()> {
    eprintln!("bringing up {} hosts", options.hosts);
    let lab = Lab::open(wanted(options)).await?;
    let took = lab.opened_in();
    let site = match program {
        Some(program) => Some(Site::start(&lab, &program).await?),
        None => None,
    };
    let control = Arc::new(Control { lab, site });
    let status = control.status().await;
    eprintln!("{} is up; its hosts took {:.1} s\n", status.name, took.as_secs_f64());
    print!("{}", show::table(&status));
    print!("{}", show::commands(&status));
    control::serve(control).await
}

fn wanted(options: &UpArgs) -> Options {
    let hosts = Options::hosts(options.hosts);
    if options.managers == 0 {
        return hosts;
    }
    hosts.swarm(SwarmOptions { managers: options.managers, ..SwarmOptions::default() })
}

/// The program that server and edges are.
fn program(options: &UpArgs) -> Result<PathBuf> {
    if let Some(program) = &options.program {
        return std::path::absolute(program)
            .with_context(|| format!("cannot find {}", program.display()));
    }
    let own = std::env::current_exe().context("this program cannot be found")?;
    let program = own.with_file_name("launcher");
    if !program.exists() {
        bail!(
            "there is no {}: build it with `cargo build -p launcher`, name it with --program, or leave \
             server and edges out with --bare",
            program.display()
        );
    }
    Ok(program)
}

/// What tells the lab to end: ctrl-C, SIGTERM, or the end of its terminal.
struct Stop([Signal; 3]);

impl Stop {
    fn new() -> Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen to signals");
        Ok(Self([
            listen(SignalKind::interrupt())?,
            listen(SignalKind::terminate())?,
            listen(SignalKind::hangup())?,
        ]))
    }

    async fn told(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
        eprintln!("ending");
    }
}
