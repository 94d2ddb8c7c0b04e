//! Load over HTTP/2 by h2load.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::process::Command;

use super::{Asked, CONNECTIONS, Outcome};
use crate::statistics::quantile;

/// Requests that are under way on each connection.
const STREAMS: u32 = 4;

/// Asks as fast as it is answered.
pub(super) async fn load(asked: Asked<'_>, lasting: Duration) -> Result<Outcome> {
    let log = tempfile::NamedTempFile::new().context("cannot make a file for h2load's log")?;
    let output = Command::new("h2load")
        .args(["--threads=1", &format!("--clients={CONNECTIONS}")])
        .arg(format!("--max-concurrent-streams={STREAMS}"))
        .arg(format!("--duration={}", lasting.as_secs()))
        .arg(format!("--connect-to={}", asked.address))
        .arg(format!("--log-file={}", log.path().display()))
        .arg(format!("https://{}{}", asked.host, asked.path))
        .kill_on_drop(true)
        .output()
        .await
        .context("cannot run h2load; dev/setup.sh bench installs it")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let failed = |outcome: &Summary| outcome.failed > 0.0 || outcome.done == 0.0;
    match summary(&said) {
        Some(summary) if output.status.success() && !failed(&summary) => {
            let log = std::fs::read_to_string(log.path()).context("cannot read h2load's log")?;
            let p99_ms = quantile(&latencies(&log), 0.99);
            Ok(Outcome { requests: summary.done, rate: summary.rate, p99_ms })
        }
        _ => {
            let complaint = String::from_utf8_lossy(&output.stderr);
            bail!("h2load met errors at {} ({}): {said}{complaint}", asked.address, output.status)
        }
    }
}

#[derive(Debug, PartialEq)]
struct Summary {
    rate: f64,
    done: f64,
    failed: f64,
}

/// Reads what h2load says at its end. What it has not finished when its time is over it counts as neither.
fn summary(said: &str) -> Option<Summary> {
    let finished = said.lines().find_map(|line| line.strip_prefix("finished in "))?;
    let rate = finished.split(", ").find_map(|part| part.strip_suffix(" req/s"))?;
    let requests = said.lines().find_map(|line| line.strip_prefix("requests: "))?;
    let count = |what: &str| {
        let part = requests.split(", ").find_map(|part| part.strip_suffix(what))?;
        part.trim().parse::<f64>().ok()
    };
    let statuses = said.lines().find_map(|line| line.strip_prefix("status codes: "))?;
    let good = statuses.split(", ").find_map(|part| part.strip_suffix(" 2xx"))?.parse::<f64>();
    let done = count(" done")?;
    let failed = count(" failed")? + count(" errored")? + (done - good.ok()?).max(0.0);
    Some(Summary { rate: rate.parse().ok()?, done, failed })
}

/// The milliseconds of each request: a line has its start, its status and its microseconds.
fn latencies(log: &str) -> Vec<f64> {
    let micros = log.lines().filter_map(|line| line.split('\t').nth(2)?.parse::<f64>().ok());
    micros.map(|micros| micros / 1e3).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "\nfinished in 2.00s, 21024.50 req/s, 1.06MB/s\n\
        requests: 42049 total, 42305 started, 42049 done, 42049 succeeded, 0 failed, 0 errored, 0 timeout\n\
        status codes: 42049 2xx, 0 3xx, 0 4xx, 0 5xx\n";

    #[test]
    fn an_outcome_is_read() {
        let expected = Summary { rate: 21024.5, done: 42049.0, failed: 0.0 };
        assert_eq!(summary(SAID), Some(expected));
        assert_eq!(summary("could not connect"), None);
        assert_eq!(latencies("1700000000\t200\t1500\n1700000001\t200\t250\n"), [1.5, 0.25]);
    }

    #[test]
    fn other_answers_are_failures() {
        let refused = SAID.replace("42049 2xx, 0 3xx, 0 4xx", "42000 2xx, 0 3xx, 49 4xx");
        assert_eq!(summary(&refused).map(|summary| summary.failed), Some(49.0));
    }
}
