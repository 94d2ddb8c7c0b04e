//! Load over HTTP/1.1 by wrk.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::process::Command;

use super::{Asked, CONNECTIONS, Outcome};
use crate::wire::Wire;

/// Asks as fast as it is answered.
pub(super) async fn load(asked: Asked<'_>, lasting: Duration) -> Result<Outcome> {
    let Asked { address, wire, host, path } = asked;
    let scheme = if wire == Wire::Plain { "http" } else { "https" };
    let output = Command::new("wrk")
        .args(["--threads=1", "--latency", &format!("--connections={CONNECTIONS}")])
        .args([&format!("--duration={}s", lasting.as_secs()), "--header", &format!("Host: {host}")])
        .arg(format!("{scheme}://{address}{path}"))
        .kill_on_drop(true)
        .output()
        .await
        .context("cannot run wrk; dev/setup.sh bench installs it")?;
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() || said.contains("Non-2xx") || said.contains("Socket errors") {
        // Killed, it has said nothing.
        let complaint = String::from_utf8_lossy(&output.stderr);
        bail!("wrk met errors at {address} ({}): {said}{complaint}", output.status);
    }
    read(&said).with_context(|| format!("wrk said what makes no sense: {said}"))
}

fn read(said: &str) -> Option<Outcome> {
    let behind = |label: &str| {
        let line = said.lines().find(|line| line.trim_start().starts_with(label))?;
        line.split_whitespace().nth(1)
    };
    let requests = said.lines().find(|line| line.contains(" requests in "))?;
    Some(Outcome {
        requests: requests.split_whitespace().next()?.parse().ok()?,
        rate: behind("Requests/sec:")?.parse().ok()?,
        p99_ms: millis(behind("99%")?)?,
    })
}

/// A time such as `812.00us`, `3.10ms` or `1.02s`.
fn millis(text: &str) -> Option<f64> {
    let unit = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(unit);
    let scale = match unit {
        "us" => 1e-3,
        "ms" => 1.0,
        "s" => 1e3,
        "m" => 6e4,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_read() {
        let said = "  Latency Distribution\n     50%    1.20ms\n     99%  812.50us\n  \
                    93011 requests in 2.00s, 11.8MB read\nRequests/sec:  46505.5\n";
        let expected = Outcome { requests: 93011.0, rate: 46505.5, p99_ms: 0.8125 };
        assert_eq!(read(said), Some(expected));
        assert_eq!(millis("1.02s"), Some(1020.0));
        assert_eq!(read("unable to connect"), None);
    }
}
