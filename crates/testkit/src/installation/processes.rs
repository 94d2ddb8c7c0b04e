//! How processes are ended: asked to, or killed.

use std::process::Child;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// Kills the processes that one supervisor keeps running.
#[derive(Debug, Clone, Copy)]
pub struct Killer(u32);

impl Killer {
    /// For the supervisor with this process id.
    #[must_use]
    pub fn of(supervisor: u32) -> Self {
        Self(supervisor)
    }

    /// The process id of `server` or `edge`; none when it does not run at this moment.
    #[must_use]
    pub fn process(&self, name: &str) -> Option<u32> {
        let children = format!("/proc/{0}/task/{0}/children", self.0);
        let children = std::fs::read_to_string(children).unwrap_or_default();
        let wanted = children.split_whitespace().find(|pid| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.split(|byte| *byte == 0).nth(1) == Some(name.as_bytes())
        });
        wanted?.parse().ok()
    }

    /// Has both replaced by what the program's file holds now.
    ///
    /// # Panics
    /// When the supervisor is gone.
    pub fn replace(&self) {
        let pid = i32::try_from(self.0).ok().and_then(Pid::from_raw);
        kill_process(pid.unwrap(), Signal::HUP).unwrap();
    }

    /// Kills `server` or `edge` with SIGKILL. False when it does not run at this moment.
    pub fn kill(&self, name: &str) -> bool {
        let pid = self.process(name).and_then(|pid| i32::try_from(pid).ok());
        let pid = pid.and_then(Pid::from_raw);
        pid.is_some_and(|pid| kill_process(pid, Signal::KILL).is_ok())
    }
}

pub(super) fn ended(child: &mut Option<Child>) -> bool {
    child.as_mut().is_none_or(|child| child.try_wait().unwrap().is_some())
}

pub(super) fn kill(child: Option<Child>) {
    if let Some(mut child) = child {
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// Tells a process to end, and waits for it as long as it takes to be sure that it does.
pub(super) fn terminate(child: Option<Child>) {
    let Some(mut child) = child else { return };
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, Signal::TERM);
    }
    for _ in 0..500 {
        if matches!(child.try_wait(), Ok(Some(_))) {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    kill(Some(child));
}
