//! Ending a command in a container. The engine's API has no call for that; on the engine's own machine
//! the kernel has.

#[cfg(target_os = "linux")]
pub(super) use linux::end;

/// Kills the processes of a command; whether that was possible.
#[cfg(not(target_os = "linux"))]
pub(super) fn end(_pid: i32, _container: &str) -> bool {
    false
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;

    use rustix::process::{
        Pid, PidfdFlags, Signal, kill_process_group, pidfd_open, pidfd_send_signal,
    };

    /// Kills the process `pid` and what it started, if it is one of `container`; whether that was possible.
    pub(in super::super) fn end(pid: i32, container: &str) -> bool {
        let Some(pid) = Pid::from_raw(pid).filter(|pid| !pid.is_init()) else { return false };
        // Held first, so that the number cannot pass to another process between the look and the signal.
        let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else { return false };
        if !belongs(pid, container) {
            return false;
        }
        // The runtime makes every command the leader of a group of its own.
        let group = kill_process_group(pid, Signal::KILL);
        let leader = pidfd_send_signal(process, Signal::KILL);
        group.is_ok() || leader.is_ok()
    }

    /// The control groups of a container's processes bear its id, whoever drives them.
    fn belongs(pid: Pid, container: &str) -> bool {
        let groups = fs::read_to_string(format!("/proc/{}/cgroup", pid.as_raw_nonzero()));
        groups.is_ok_and(|groups| groups.contains(container))
    }
}
