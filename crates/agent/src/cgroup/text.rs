//! What the kernel writes into the files of control groups, read.
//!
//! Version 1: <https://docs.kernel.org/admin-guide/cgroup-v1/>; version 2:
//! <https://docs.kernel.org/admin-guide/cgroup-v2.html>.

/// From so many bytes on, a limit of version 1 is none: the kernel then says the largest number that it can,
/// rounded down to a page.
const NO_LIMIT: u64 = 1 << 62;

/// A file that holds one number.
pub(crate) fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

/// A file that holds a limit in bytes; 0 when there is none.
pub(crate) fn limit(text: &str) -> Option<u64> {
    match text.trim() {
        "max" => Some(0),
        text => text.parse().ok().map(|bytes| if bytes >= NO_LIMIT { 0 } else { bytes }),
    }
}

/// The number behind a key, in a file of lines `key number`.
pub(crate) fn keyed(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok())
}

/// Bytes read and written on all devices, of version 1: lines `8:0 Read 4096`.
pub(crate) fn io_v1(text: &str) -> (u64, u64) {
    let (mut read, mut written) = (0_u64, 0_u64);
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        let (Some(_device), Some(what), Some(bytes)) = (words.next(), words.next(), words.next())
        else {
            continue;
        };
        let bytes: u64 = bytes.parse().unwrap_or(0);
        match what {
            "Read" => read = read.saturating_add(bytes),
            "Write" => written = written.saturating_add(bytes),
            _ => {}
        }
    }
    (read, written)
}

/// Bytes read and written on all devices, of version 2: lines `8:0 rbytes=4096 wbytes=0 rios=1 …`.
pub(crate) fn io_v2(text: &str) -> (u64, u64) {
    let of = |key: &str| {
        let words = text.split_ascii_whitespace();
        let figures = words.filter_map(|word| word.strip_prefix(key)?.parse::<u64>().ok());
        figures.fold(0, u64::saturating_add)
    };
    (of("rbytes="), of("wbytes="))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    macro_rules! sample {
        ($name:literal) => {
            include_str!(concat!("../../tests/samples/", $name))
        };
    }

    #[test]
    fn files_of_version_1_are_read() {
        assert_eq!(number(sample!("v1/cpuacct.usage")), Some(1_482_734_209));
        assert_eq!(keyed(sample!("v1/cpu.stat"), "throttled_time"), Some(2_301_554_873));
        assert_eq!(number(sample!("v1/memory.usage_in_bytes")), Some(35_688_448));
        assert_eq!(keyed(sample!("v1/memory.stat"), "total_inactive_file"), Some(21_368_832));
        assert_eq!(limit(sample!("v1/memory.limit_in_bytes")), Some(67_108_864));
        assert_eq!(limit(sample!("v1/memory.limit_in_bytes.none")), Some(0));
        assert_eq!(keyed(sample!("v1/memory.oom_control"), "oom_kill"), Some(2));
        let io = io_v1(sample!("v1/blkio.throttle.io_service_bytes_recursive"));
        assert_eq!(io, (1_060_864, 21_102_592));
    }

    #[test]
    fn files_of_version_2_are_read() {
        let cpu = sample!("v2/cpu.stat");
        assert_eq!(keyed(cpu, "usage_usec"), Some(1_482_734));
        assert_eq!(keyed(cpu, "throttled_usec"), Some(2_301_554));
        assert_eq!(number(sample!("v2/memory.current")), Some(35_688_448));
        assert_eq!(keyed(sample!("v2/memory.stat"), "inactive_file"), Some(21_368_832));
        assert_eq!(limit(sample!("v2/memory.max")), Some(67_108_864));
        assert_eq!(limit(sample!("v2/memory.max.none")), Some(0));
        // `oom` and `oom_group_kill` stand beside it, and are not it.
        assert_eq!(keyed(sample!("v2/memory.events"), "oom_kill"), Some(2));
        assert_eq!(io_v2(sample!("v2/io.stat")), (1_462_272, 315_277_312));
    }

    #[test]
    fn what_is_not_there_is_nothing() {
        assert_eq!((number(""), limit("no"), keyed("oom_kill", "oom_kill")), (None, None, None));
        assert_eq!(keyed("oom_killer 3\n", "oom_kill"), None);
        assert_eq!((io_v1("Total 0\n"), io_v2("")), ((0, 0), (0, 0)));
        assert_eq!(io_v2("8:0 rbytes=18446744073709551615\n8:16 rbytes=1\n"), (u64::MAX, 0));
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in "\\PC*|([a-z0-9:=. -]*\n)*", key in "[a-z_]*") {
            let _ = (number(&text), limit(&text), keyed(&text, &key), io_v1(&text), io_v2(&text));
        }
    }
}
