//! Network interfaces, as `/proc/net/dev` has them (proc_pid_net(5)).

/// Bytes that came and went over those interfaces that are `wanted` by their names.
pub(crate) fn total(text: &str, wanted: impl Fn(&str) -> bool) -> (u64, u64) {
    let (mut received, mut sent) = (0_u64, 0_u64);
    for line in text.lines() {
        let Some((name, figures)) = line.rsplit_once(':') else { continue };
        if !wanted(name.trim()) {
            continue;
        }
        let mut figures = figures.split_ascii_whitespace();
        let mut nth = |n| figures.nth(n).and_then(|figure| figure.parse::<u64>().ok());
        // Eight figures of what came, then those of what went.
        let (Some(came), Some(went)) = (nth(0), nth(7)) else { continue };
        received = received.saturating_add(came);
        sent = sent.saturating_add(went);
    }
    (received, sent)
}

/// Whether what goes over an interface leaves or enters the host, and is counted nowhere else: not those of
/// the machine itself and of containers, nor those that lie on top of others (bonds, VLANs, tunnels).
pub(crate) fn is_of_host(name: &str) -> bool {
    const INNER: [&str; 18] = [
        "lo", "veth", "docker", "br-", "virbr", "cni", "flannel", "cali", "vxlan", "ifb", "dummy",
        "bond", "team", "tun", "tap", "wg", "vlan", "sit",
    ];
    !name.contains('.') && !INNER.iter().any(|inner| name.starts_with(inner))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SAMPLE: &str = include_str!("../tests/samples/proc/net-dev");

    #[test]
    fn what_comes_and_goes_is_added_up() {
        assert_eq!(total(SAMPLE, |name| name != "lo"), (349_310_679 + 2000 + 31, 595_335 + 77 + 9));
        assert_eq!(total(SAMPLE, is_of_host), (349_310_679, 595_335));
        assert_eq!(total("", |_| true), (0, 0));
    }

    #[test]
    fn interfaces_of_the_host_are_those_that_lead_out() {
        for out in ["eth0", "ens5", "enp3s0f1", "wlan0", "em1"] {
            assert!(is_of_host(out), "{out}");
        }
        for inner in ["lo", "veth12ab", "docker0", "docker_gwbridge", "br-4f2a", "bond0", "eth0.7"]
        {
            assert!(!is_of_host(inner), "{inner}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in "\\PC*|([a-z0-9: ]*\n)*") {
            let _ = total(&text, is_of_host);
        }
    }
}
