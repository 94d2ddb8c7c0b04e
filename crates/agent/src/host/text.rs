//! The files of `/proc` about the whole host, read (proc_stat(5), proc_meminfo(5), and of disks
//! <https://docs.kernel.org/admin-guide/iostats.html>).

/// What a sector is in the counters of disks, whatever it is on the disk.
const SECTOR: u64 = 512;

/// How many processors there are, and for how many ticks they were busy, all together.
pub(super) fn cpu(stat: &str) -> (u32, u64) {
    let (mut cpus, mut busy) = (0, 0_u64);
    for line in stat.lines() {
        let Some(rest) = line.strip_prefix("cpu") else { continue };
        if rest.starts_with(|c: char| c.is_ascii_digit()) {
            cpus += 1;
            continue;
        }
        let figures: Vec<u64> =
            rest.split_ascii_whitespace().map(|figure| figure.parse().unwrap_or(0)).collect();
        let of = |n: usize| figures.get(n).copied().unwrap_or(0);
        // user, nice, system, (idle, iowait,) irq, softirq, steal; guests are in user and nice.
        busy = [0, 1, 2, 5, 6, 7].map(of).into_iter().fold(0, u64::saturating_add);
    }
    (cpus, busy)
}

/// Bytes of memory that new programs could not have, and bytes that there are.
pub(super) fn memory(meminfo: &str) -> (u64, u64) {
    let of = |key: &str| {
        let rest = meminfo.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        rest.split_ascii_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
    };
    let total = of("MemTotal").unwrap_or(0);
    let available = of("MemAvailable").or_else(|| of("MemFree")).unwrap_or(0);
    (total.saturating_sub(available), total)
}

/// Bytes read from and written to those disks that are `wanted` by their names.
pub(super) fn disks(diskstats: &str, mut wanted: impl FnMut(&str) -> bool) -> (u64, u64) {
    let (mut read, mut written) = (0_u64, 0_u64);
    for line in diskstats.lines() {
        let mut words = line.split_ascii_whitespace();
        let Some(name) = words.nth(2) else { continue };
        if !wanted(name) {
            continue;
        }
        let mut nth = |n| words.nth(n).and_then(|figure| figure.parse::<u64>().ok());
        // reads, merged, sectors, time; then the same of writes.
        let (Some(came), Some(went)) = (nth(2), nth(3)) else { continue };
        read = read.saturating_add(came.saturating_mul(SECTOR));
        written = written.saturating_add(went.saturating_mul(SECTOR));
    }
    (read, written)
}

/// Whether a block device lies on top of others, or is no disk.
pub(super) fn is_stacked(name: &str) -> bool {
    ["loop", "ram", "zram", "dm-", "md", "sr", "fd", "drbd", "bcache"]
        .iter()
        .any(|kind| name.starts_with(kind))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn figures_are_read() {
        let stat = include_str!("../../tests/samples/proc/stat");
        assert_eq!(cpu(stat), (2, 72_224 + 100 + 17_901 + 126 + 67));
        let meminfo = include_str!("../../tests/samples/proc/meminfo");
        assert_eq!(memory(meminfo), ((24_684_092 - 24_045_236) * 1024, 24_684_092 * 1024));
        let diskstats = include_str!("../../tests/samples/proc/diskstats");
        let vda = (8_400_522 * 512, 40_800_240 * 512);
        assert_eq!(disks(diskstats, |name| name == "vda" && !is_stacked(name)), vda);
        assert_eq!(disks(diskstats, |name| !is_stacked(name) && !name.ends_with('1')), vda);
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in "\\PC*|((cpu|MemTotal:|MemFree:|8 0 sda )?[a-z0-9: ]*\n)*") {
            let _ = (cpu(&text), memory(&text), disks(&text, |_| true), is_stacked(&text));
        }
    }
}
