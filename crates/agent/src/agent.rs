//! The agent: measures at each beat, and hands on what it has measured.

use std::sync::Arc;
use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBuilder};
use jiff::Timestamp;
use launcher_model::measure::HostReport;
use launcher_scheduler::docker::residents::{Machine, Residents};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use crate::sampler::{Every, Sample, Sampler};
use crate::server::Server;
use crate::tally::Tally;
use crate::tell::{Outbox, Said, Teller};
use crate::{Result, page};

/// What an agent does.
#[derive(Debug)]
pub struct Options {
    /// The engine whose containers it measures.
    pub residents: Residents,
    /// The host's name, as the scheduler has it; the engine's own when none is given.
    pub host: Option<String>,
    /// How often it measures.
    pub every: Every,
    /// Who is told; nobody when there is none.
    pub server: Option<Server>,
    /// Whose containers are told of; the server's when none is given.
    pub installation: Option<String>,
    /// Where Prometheus may ask.
    pub metrics: Option<TcpListener>,
}

/// Measures and tells until `shutdown` is done.
///
/// # Errors
/// When the page for Prometheus cannot be served any more.
pub async fn run(options: Options, shutdown: impl Future<Output = ()> + Send) -> Result<()> {
    let Options { residents, host, every, server, installation, metrics } = options;
    tokio::pin!(shutdown);
    let machine = tokio::select! {
        () = &mut shutdown => return Ok(()),
        machine = machine(&residents) => machine,
    };
    let host = host.unwrap_or_else(|| machine.name.clone());
    let mut sampler = Sampler::start(residents, &machine, installation.clone());
    let (tally, outbox) = (Arc::new(Tally::default()), Arc::new(Outbox::default()));
    let tells = server.is_some();
    let _telling = server.map(|server| {
        let (outbox, tally) = (Arc::clone(&outbox), Arc::clone(&tally));
        let host = host.clone();
        let clock = Said::default();
        let teller = Teller { server, host, installation, outbox, tally, clock };
        AbortOnDropHandle::new(tokio::spawn(teller.run()))
    });
    let _serving = metrics.map(|listener| {
        let (known, tally) = (sampler.known(), Arc::clone(&tally));
        let make: launcher_exposition::Make =
            Arc::new(move |page| page::make(page, &known, &tally));
        AbortOnDropHandle::new(tokio::spawn(async move {
            if let Err(error) =
                launcher_exposition::serve(listener, make, std::future::pending()).await
            {
                tracing::error!(%error, "nothing is served for Prometheus any more");
            }
        }))
    });
    tracing::info!(host, every = ?every.duration(), "containers and the host are measured");
    let take = |at, sample| {
        if tells {
            outbox.put(at, sample, &tally);
        }
    };
    tokio::select! {
        () = &mut shutdown => {}
        () = beat(&mut sampler, every, &tally, take) => {}
    }
    Ok(())
}

/// Measures for ever, and hands reports to `take`: what an agent does inside of a server, on its machine.
pub async fn within(
    residents: Residents,
    every: Every,
    installation: String,
    take: impl Fn(HostReport),
) {
    let machine = machine(&residents).await;
    let mut sampler = Sampler::start(residents, &machine, Some(installation.clone()));
    let tally = Tally::default();
    let report = |at, sample: Sample| take(sample.report(&machine.name, at, &installation));
    beat(&mut sampler, every, &tally, report).await;
}

/// What the engine says of its machine, as soon as it does.
async fn machine(residents: &Residents) -> Machine {
    let mut pauses = ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(Duration::from_secs(10))
        .without_max_times()
        .build();
    let mut said = Said::default();
    loop {
        match residents.machine().await {
            Ok(machine) => return machine,
            Err(error) => said.trouble(&format!("nothing is measured yet: {error}")),
        }
        tokio::time::sleep(pauses.next().unwrap_or_default()).await;
    }
}

/// Measures at the beginning of each span.
async fn beat(sampler: &mut Sampler, every: Every, tally: &Tally, take: impl Fn(i64, Sample)) {
    let mut said = Said::default();
    let mut last = None;
    loop {
        let (mut wait, mut at) = every.next(Timestamp::now());
        // The clock may be a little behind what was slept.
        if last == Some(at) {
            wait += every.duration();
            at += i64::try_from(every.duration().as_secs()).unwrap_or(0);
        }
        last = Some(at);
        tokio::time::sleep(wait).await;
        let begun = Instant::now();
        match sampler.sample().await {
            Ok(Some(sample)) => take(at, sample),
            Ok(None) => {}
            Err(error) => said.trouble(&error.to_string()),
        }
        tally.sampled(begun.elapsed());
    }
}
