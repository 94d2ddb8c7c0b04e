//! Processes that are measured, or that something is measured with.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// How long a process may take to serve its address, or to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// The unit of times in /proc/PID/stat. Linux counts in it whatever its own clock does.
const TICK: Duration = Duration::from_millis(10);

/// A process that is ended when this is dropped.
pub(crate) struct Running {
    child: Child,
    name: &'static str,
}

impl Running {
    /// Starts a program that says nothing unless it has a complaint.
    ///
    /// # Errors
    /// When it cannot be started; most likely it is not installed.
    pub(crate) fn start(name: &'static str, command: &mut Command) -> Result<Self> {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        let child = child.with_context(|| {
            format!("cannot start {name}; dev/setup.sh bench installs what is measured with")
        })?;
        Ok(Self { child, name })
    }

    /// Waits until it takes connections.
    ///
    /// # Errors
    /// When it ends instead, or takes none soon.
    pub(crate) fn wait_until_serving(&mut self, address: SocketAddr) -> Result<()> {
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended at once: {status}", self.name);
            }
            if began.elapsed() > PATIENCE {
                bail!("{} does not serve {address}", self.name);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// It and its children.
    pub(crate) fn ids(&self) -> Result<Vec<u32>> {
        family(self.child.id())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The number of one that has ended may be somebody else's by now.
        let runs = matches!(self.child.try_wait(), Ok(None));
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid.filter(|_| runs) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let began = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) {
            if began.elapsed() > PATIENCE {
                let _ = self.child.kill();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// A process and its children.
fn family(id: u32) -> Result<Vec<u32>> {
    let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"))
        .with_context(|| format!("cannot read the children of process {id}"))?;
    let children = children.split_whitespace().filter_map(|child| child.parse().ok());
    Ok(children.chain([id]).collect())
}

/// The time that these processes have had a processor for, in user and system mode. In steps of 10 ms.
pub(crate) fn cpu_time(ids: &[u32]) -> Result<Duration> {
    let mut ticks: u32 = 0;
    for id in ids {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat"))
            .with_context(|| format!("cannot read the times of process {id}"))?;
        ticks += ticks_in(&stat).with_context(|| format!("/proc/{id}/stat makes no sense"))?;
    }
    Ok(TICK * ticks)
}

/// `utime` and `stime` of a line of proc_pid_stat(5); fields are counted behind the name, which may hold
/// anything.
fn ticks_in(stat: &str) -> Option<u32> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// A port of this machine that is free at this moment.
pub(crate) fn free_port() -> Result<SocketAddr> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_a_name_with_blanks_and_brackets() {
        let stat = "12 (a) (b) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 1 0 99";
        assert_eq!(ticks_in(stat), Some(300));
    }
}
