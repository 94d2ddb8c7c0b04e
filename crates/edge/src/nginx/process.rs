//! The processes of the nginx that somebody else runs: its master, its workers, and what these have open,
//! as the system tells it (proc(5)).

use std::collections::HashSet;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};

/// The master.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Master(i32);

/// A worker, by its process id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Worker(pub(super) i32);

impl Worker {
    /// The group whose rights it has.
    pub(super) fn group(self) -> Option<u32> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0)).ok()?;
        let groups = status.lines().find_map(|line| line.strip_prefix("Gid:"))?;
        // The real one, and then the one that counts.
        groups.split_ascii_whitespace().nth(1)?.parse().ok()
    }
}

/// The workers of one master.
#[derive(Debug, Default)]
pub(super) struct Workers {
    /// Those that take connections.
    pub(super) serving: HashSet<Worker>,
    /// Those that take no more, and end when their last one has.
    pub(super) leaving: HashSet<Worker>,
}

impl Master {
    /// The one whose process id the file holds.
    ///
    /// # Errors
    /// One sentence that says why there is none, and what to do.
    pub(super) fn find(pid_file: &Path) -> Result<Self, String> {
        let none = |why: String| {
            format!("nginx is not running: {why}; start it, or name its pid file with --nginx-pid")
        };
        let text = fs::read_to_string(pid_file)
            .map_err(|error| none(format!("{} cannot be read: {error}", pid_file.display())))?;
        let pid = text.trim().parse().ok().filter(|pid| *pid > 0);
        let pid = pid.ok_or_else(|| none(format!("{} holds no number", pid_file.display())))?;
        let master = Self(pid);
        if master.is_alive() {
            Ok(master)
        } else {
            Err(none(format!("process {pid} of {} is not nginx's master", pid_file.display())))
        }
    }

    pub(super) fn is_alive(self) -> bool {
        title(self.0).is_some_and(|title| title.starts_with("nginx: master process"))
    }

    /// Has it read its configuration again.
    pub(super) fn reload(self) -> io::Result<()> {
        signal(self.0, Signal::HUP)
    }

    pub(super) fn workers(self) -> Workers {
        let mut workers = Workers::default();
        for pid in children(self.0) {
            let Some(title) = title(pid) else { continue };
            if let Some(rest) = title.strip_prefix("nginx: worker process") {
                let leaves = rest.trim_start().starts_with("is shutting");
                let group = if leaves { &mut workers.leaving } else { &mut workers.serving };
                group.insert(Worker(pid));
            }
        }
        workers
    }

    /// The files that it may write errors to.
    pub(super) fn log_files(self) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = (fs::read_dir(format!("/proc/{}/fd", self.0)))
            .into_iter()
            .flatten()
            .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
            .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
            .filter(|path| path.is_file())
            .collect();
        files.sort_unstable();
        files.dedup();
        files
    }
}

impl Worker {
    /// Ends it with all that it has open.
    pub(super) fn end(self) -> io::Result<()> {
        signal(self.0, Signal::TERM)
    }
}

/// How many connections each of these workers has to one of these addresses.
///
/// # Errors
/// When the system does not tell, as it does not tell other users.
pub(super) fn connections(
    workers: &HashSet<Worker>,
    to: &HashSet<SocketAddr>,
) -> io::Result<Vec<(Worker, u64)>> {
    let Some(any) = workers.iter().next() else { return Ok(Vec::new()) };
    let mut sockets = HashSet::new();
    for table in ["tcp", "tcp6"] {
        match fs::read_to_string(format!("/proc/{}/net/{table}", any.0)) {
            Ok(text) => sockets.extend(text.lines().filter_map(|line| socket_to(line, to))),
            // It has ended, and with it all that it had open; or there is no IPv6.
            Err(error) if is_gone(&error) => {}
            Err(error) => return Err(error),
        }
    }
    if sockets.is_empty() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for worker in workers {
        let open = open_sockets(*worker)?.filter(|inode| sockets.contains(inode)).count();
        if open > 0 {
            found.push((*worker, open as u64));
        }
    }
    Ok(found)
}

fn open_sockets(worker: Worker) -> io::Result<impl Iterator<Item = u64>> {
    let entries = match fs::read_dir(format!("/proc/{}/fd", worker.0)) {
        Ok(entries) => Some(entries),
        Err(error) if is_gone(&error) => None,
        Err(error) => return Err(error),
    };
    Ok(entries.into_iter().flatten().filter_map(|entry| {
        let link = fs::read_link(entry.ok()?.path()).ok()?;
        link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
    }))
}

fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(3)
}

/// States of a connection that is open or being opened.
const OPEN: [&str; 2] = ["01", "02"];

/// The inode of a line of `/proc/net/tcp` when its socket is open to one of the addresses.
fn socket_to(line: &str, to: &HashSet<SocketAddr>) -> Option<u64> {
    let mut fields = line.split_ascii_whitespace().skip(2);
    let remote = fields.next()?;
    if !OPEN.contains(&fields.next()?) || !to.contains(&address(remote)?) {
        return None;
    }
    fields.nth(5)?.parse().ok()
}

/// Reads an address as the kernel writes it: words of the machine's own byte order, and the port.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let mut bytes = Vec::with_capacity(16);
    for at in (0..ip.len()).step_by(8) {
        let word = u32::from_str_radix(ip.get(at..at + 8)?, 16).ok()?;
        bytes.extend(word.to_ne_bytes());
    }
    let ip = match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(four) => IpAddr::V4(Ipv4Addr::from(four)),
        Err(_) => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?)),
    };
    Some(SocketAddr::new(ip.to_canonical(), port))
}

/// What a process calls itself; `None` when it is gone.
fn title(pid: i32) -> Option<String> {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// The processes that this one has begun. Not every kernel lists them.
fn children(pid: i32) -> Vec<i32> {
    if let Ok(list) = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")) {
        return list.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect();
    }
    let all = fs::read_dir("/proc").into_iter().flatten();
    all.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|child| parent(*child) == Some(pid))
        .collect()
}

fn parent(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in parentheses and may hold anything.
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_ascii_whitespace().nth(1)?.parse().ok()
}

fn signal(pid: i32, signal: Signal) -> io::Result<()> {
    let pid = Pid::from_raw(pid).ok_or(io::ErrorKind::InvalidInput)?;
    Ok(kill_process(pid, signal)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_known_by_where_it_goes() {
        let to = HashSet::from(["127.0.0.1:8080".parse().unwrap()]);
        let line = |remote: &str, state: &str| {
            format!(
                "   1: 0100007F:A001 {remote} {state} 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 20 4 30 10 -1"
            )
        };
        assert_eq!(socket_to(&line("0100007F:1F90", "01"), &to), Some(4711));
        assert_eq!(socket_to(&line("0100007F:1F90", "0A"), &to), None);
        assert_eq!(socket_to(&line("0100007F:1F91", "01"), &to), None);
        assert_eq!(socket_to("  sl  local_address rem_address   st tx_queue", &to), None);
        assert_eq!(
            address("0000000000000000FFFF00000100007F:0050"),
            Some("127.0.0.1:80".parse().unwrap())
        );
        assert_eq!(
            address("00000000000000000000000001000000:0050"),
            Some("[::1]:80".parse().unwrap())
        );
    }

    #[test]
    fn what_this_process_has_open_is_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let to = HashSet::from([listener.local_addr().unwrap()]);
        let me = Worker(i32::try_from(std::process::id()).unwrap());
        assert_eq!(connections(&HashSet::from([me]), &to).unwrap(), []);
        let _one = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert_eq!(connections(&HashSet::from([me]), &to).unwrap(), [(me, 1)]);
    }
}
