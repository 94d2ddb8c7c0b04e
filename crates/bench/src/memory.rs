//! How much memory processes use.

use anyhow::{Context, Result};

const KIB_PER_MIB: f64 = 1024.0;

/// The resident memory of processes that belong together, in MiB. Pages that they share count once: the
/// memory of each alone, and the most that one of them shares. For one process that is its RSS.
pub(crate) fn resident(ids: &[u32]) -> Result<f64> {
    let mut private = 0;
    let mut shared = 0;
    for id in ids {
        let rollup = std::fs::read_to_string(format!("/proc/{id}/smaps_rollup"))
            .with_context(|| format!("cannot read the memory of process {id}"))?;
        let usage = Usage::read(&rollup);
        private += usage.private;
        shared = shared.max(usage.shared);
    }
    Ok((private + shared) as f64 / KIB_PER_MIB)
}

/// In KiB.
#[derive(Debug, Default, PartialEq, Eq)]
struct Usage {
    private: u64,
    shared: u64,
}

impl Usage {
    /// Reads the form of proc_pid_smaps(5).
    fn read(rollup: &str) -> Self {
        let mut usage = Self::default();
        for line in rollup.lines() {
            let Some((field, rest)) = line.split_once(':') else { continue };
            let size = || rest.split_whitespace().next().and_then(|size| size.parse().ok());
            let sum = match field {
                "Private_Clean" | "Private_Dirty" => &mut usage.private,
                "Shared_Clean" | "Shared_Dirty" => &mut usage.shared,
                _ => continue,
            };
            *sum += size().unwrap_or(0);
        }
        usage
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_private_and_what_is_shared_is_told_apart() {
        let rollup = "55-7f ---p 00000000 00:00 0  [rollup]\nRss: 60 kB\nPss: 40 kB\n\
                      Shared_Clean: 20 kB\nShared_Dirty: 1 kB\nPrivate_Clean: 9 kB\nPrivate_Dirty: 30 kB\n";
        assert_eq!(Usage::read(rollup), Usage { private: 39, shared: 21 });
    }
}
