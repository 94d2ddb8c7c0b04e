//! `launcher demo`: what it is for, shown on this machine's Docker Engine under load.

mod api;
pub(crate) mod args;
mod checkout;
mod engine;
mod http;
mod image;
mod installation;
mod load;
mod orphans;
mod report;
mod show;
mod story;

use std::io::Write;
use std::net::SocketAddr;

use anyhow::{Context, Result, anyhow, bail};
use bollard::Docker;
use tokio::signal::unix::{SignalKind, signal};

use self::args::SampleImageArgs;
use self::image::{Base, Recipe};
use self::installation::Installation;
use self::show::Show;
use self::story::Told;

/// The service that is shown.
const SERVICE: &str = "shop";

/// How it is shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    /// End when everything was shown, instead of leaving it up.
    pub(crate) exit: bool,
    /// Print the table as JSON.
    pub(crate) json: bool,
    /// Leave the log of server and edge behind.
    pub(crate) keep_logs: bool,
}

/// Builds one image of the sample application, and prints its id.
///
/// # Errors
/// When no engine answers, or it does not build it.
pub(crate) async fn sample_image(args: SampleImageArgs) -> Result<()> {
    let engine = engine::connect().await?;
    let id = Base::read().await?.build(&engine, &Recipe::from(args)).await?;
    print(&format!("{id}\n"))
}

/// Shows it, and takes everything away again, however it ends.
///
/// # Errors
/// When it could not be shown, or not everything went as it should.
pub(crate) async fn run(options: Options) -> Result<()> {
    let interrupted = interrupted()?;
    tokio::pin!(interrupted);
    let show = Show::new();
    let mut stage = Stage::new(engine::connect().await?);
    let shown = tokio::select! {
        shown = perform(&mut stage, &show, options) => shown,
        () = &mut interrupted => Err(anyhow!("it was interrupted before its end")),
    };
    if shown.is_ok() && !options.exit {
        interrupted.await;
        // The terminal has written ^C where the next line would begin.
        show.say("");
    }
    show.begin("take everything away");
    let cleared = stage.clear(options.keep_logs).await;
    show.rest();
    match &cleared {
        Ok(Some(log)) => show.say(&format!("the log of server and edge is {}", log.display())),
        Ok(None) => {}
        Err(left) => show.say(&format!("not everything could be taken away: {left:#}")),
    }
    if !shown? {
        bail!("not everything went as it should; what did not hold stands above");
    }
    cleared.map(drop)
}

/// Shows it, prints what it was, and returns whether all went as it should.
async fn perform(stage: &mut Stage, show: &Show, options: Options) -> Result<bool> {
    show.say(INTRODUCTION);
    orphans::remove(&stage.engine).await?;
    let told = story::tell(stage, show).await;
    show.rest();
    let Told { report, login } = told.map_err(|error| stage.explain(&error))?;
    if options.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&report)?))?;
    } else {
        print(&format!("\n{}", report.text()))?;
    }
    if let Some(installation) = stage.installation.as_ref().filter(|_| !options.exit) {
        show.say(&what_to_try(installation, &login));
    }
    Ok(report.ok)
}

const INTRODUCTION: &str = "\
Rocket Launcher, shown with a small web shop on this machine's Docker Engine: two versions go live, a
broken one fails, and one step goes back, while visitors keep coming. Each comes in by `git push`. It
takes about a minute.
";

fn what_to_try(installation: &Installation, login: &str) -> String {
    let program = std::env::args().next().unwrap_or_else(|| "launcher".to_owned());
    let (page, edge) = (installation.page, installation.edge.port());
    let (data, checkout) = (installation.data(), installation.checkout());
    let (data, checkout) = (data.display(), checkout.display());
    format!(
        "
It all stays up until you press ctrl-C.
  the page           http://{page}/
  sign in once       {login}
  production         http://{SERVICE}.localhost:{edge}/
  versions 1 and 2   http://v1.{SERVICE}.localhost:{edge}/   http://v2.{SERVICE}.localhost:{edge}/

In another terminal, try:
  export LAUNCHER_DATA={data}
  {program} status {SERVICE}
  {program} deploy {SERVICE} 2
  {program} rollback {SERVICE}
  {program} builds {SERVICE}
  cd {checkout} && git commit --allow-empty -m again && git push launcher main
"
    )
}

/// Everything that is taken away in the end.
#[derive(Debug)]
struct Stage {
    engine: Docker,
    /// Tells this run's images and containers from all others.
    run: String,
    installation: Option<Installation>,
}

impl Stage {
    fn new(engine: Docker) -> Self {
        Self { engine, run: format!("{:08x}", rand::random::<u32>()), installation: None }
    }

    /// Starts server and edge.
    fn install(&mut self) -> Result<&mut Installation> {
        Ok(self.installation.insert(Installation::start(&self.run)?))
    }

    /// Where production is reached.
    fn edge(&self) -> Result<SocketAddr> {
        let installation =
            self.installation.as_ref().context("server and edge were not started")?;
        Ok(installation.edge)
    }

    /// Adds to an error what the log says.
    fn explain(&self, error: &anyhow::Error) -> anyhow::Error {
        let log = self.installation.as_ref().map(Installation::log_tail);
        match log.filter(|log| !log.is_empty()) {
            Some(log) => anyhow!("{error:#}\n\nThe log of server and edge ends with:\n{log}"),
            None => anyhow!("{error:#}"),
        }
    }

    /// Ends the processes first, so that nothing is created any more. All of it is tried, whatever fails.
    async fn clear(self, keep_log: bool) -> Result<Option<std::path::PathBuf>> {
        let stopped = match self.installation {
            Some(installation) => installation.stop(keep_log).await,
            None => Ok(None),
        };
        engine::remove(&self.engine, &self.run).await?;
        stopped
    }
}

/// Done when the process is told to end: ctrl-C, SIGTERM, or the terminal is closed.
fn interrupted() -> Result<impl Future<Output = ()>> {
    let handler = |kind| signal(kind).context("cannot handle signals");
    let mut signals = [
        handler(SignalKind::interrupt())?,
        handler(SignalKind::terminate())?,
        handler(SignalKind::hangup())?,
    ];
    Ok(async move {
        let [interrupt, terminate, hangup] = &mut signals;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    })
}

/// On standard output.
fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("cannot print the result")
}
