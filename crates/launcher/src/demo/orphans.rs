//! What a demonstration leaves that is killed before it can take everything away: the next one does it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use bollard::Docker;

use super::engine;
use super::installation;

/// The process that a demonstration is, as a label's value: which boot, which name space of process
/// numbers, its number, and when it was started. Nothing where there is no `/proc`.
pub(super) fn this_process() -> String {
    Process::here("self").map(|process| process.to_string()).unwrap_or_default()
}

/// Removes what demonstrations have left whose process is certain to have ended.
///
/// # Errors
/// When it cannot be removed.
pub(super) async fn remove(engine: &Docker) -> Result<()> {
    for (run, owner) in engine::runs(engine).await? {
        let ended = Process::parse(&owner).is_some_and(|process| process.has_ended());
        if !ended {
            continue;
        }
        let removed = engine::remove(engine, &run).await;
        removed
            .context("an earlier demonstration was killed, and what it left cannot be removed")?;
        installation::remove_directories(&run);
    }
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
struct Process {
    boot: String,
    namespace: String,
    id: String,
    started: String,
}

impl Process {
    /// The process that `/proc` calls by this name.
    fn here(name: &str) -> Option<Self> {
        let stat = fs::read_to_string(Path::new("/proc").join(name).join("stat")).ok()?;
        let namespace = fs::read_link("/proc/self/ns/pid").ok()?;
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        // The program's name stands in parentheses, and may have anything in it (proc(5)).
        let after_name = stat.rsplit_once(") ")?.1;
        Some(Self {
            boot: boot.trim().to_owned(),
            namespace: namespace.to_string_lossy().into_owned(),
            id: stat.split(' ').next()?.to_owned(),
            started: after_name.split(' ').nth(19)?.to_owned(),
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('/').collect();
        let [boot, namespace, id, started] = parts[..] else { return None };
        let owned = str::to_owned;
        let [boot, namespace, id, started] = [boot, namespace, id, started].map(owned);
        Some(Self { boot, namespace, id, started })
    }

    /// Whether it is a process of this machine, and there no more. Of others nothing is known.
    fn has_ended(&self) -> bool {
        let Some(own) = Self::here("self") else { return false };
        let is_local = own.boot == self.boot && own.namespace == self.namespace;
        is_local && Self::here(&self.id).is_none_or(|now| now.started != self.started)
    }
}

impl std::fmt::Display for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { boot, namespace, id, started } = self;
        write!(f, "{boot}/{namespace}/{id}/{started}")
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn only_a_process_of_this_machine_is_known_to_have_ended() {
        let own = Process::parse(&this_process()).unwrap();
        assert!(!own.has_ended());
        let change = |change: fn(&mut Process)| {
            let mut other = Process::parse(&this_process()).unwrap();
            change(&mut other);
            other
        };
        assert!(change(|p| p.started = "1".to_owned()).has_ended(), "its number is another's now");
        assert!(change(|p| p.id = "4194305".to_owned()).has_ended(), "there is no such number");
        assert!(!change(|p| p.boot = "other".to_owned()).has_ended());
        assert!(!change(|p| p.namespace = "pid:[1]".to_owned()).has_ended());
        assert_eq!(Process::parse(""), None);
    }
}
