//! Which addresses webhooks may go to.
//!
//! A URL that somebody else wrote, or whose name somebody else answers for, must not lead this server to
//! what only it can reach. So it is the address itself that is looked at, of each connection: what a name
//! resolved to a moment ago says nothing of what it resolves to now.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Resolves names to public addresses alone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PublicOnly;

/// That a name leads to no public address.
#[derive(Debug, thiserror::Error)]
#[error(
    "{name} resolves to {address}, which is not a public address; if it may, set allow_private = true"
)]
struct Private {
    name: String,
    address: IpAddr,
}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let (public, private): (Vec<_>, Vec<_>) =
                found.into_iter().partition(|address| is_public(address.ip()));
            match private.first() {
                Some(address) if public.is_empty() => {
                    let name = name.as_str().to_owned();
                    Err(Private { name, address: address.ip() }.into())
                }
                _ => Ok(Box::new(public.into_iter()) as Addrs),
            }
        })
    }
}

/// Whether an address is one of the Internet's, by the registries of special-purpose addresses (RFC 6890
/// and those that came after it).
#[must_use]
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [first, second, third, _] = address.octets();
    let special = match (first, second, third) {
        // This network; carriers' own; protocols; measuring; what is reserved.
        (0, ..) | (100, 64..=127, _) | (192, 0, 0) | (198, 18..=19, _) | (240.., ..) => true,
        _ => {
            address.is_loopback()
                || address.is_private()
                || address.is_link_local()
                || address.is_documentation()
                || address.is_multicast()
        }
    };
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(within) = carried_v4(address) {
        return is_public_v4(within);
    }
    // Global unicast is 2000::/3; all else is special, or nobody's.
    let [first, second, ..] = address.segments();
    (0x2000..0x4000).contains(&first)
        // Documentation, and what belongs to protocols, such as Teredo.
        && !matches!((first, second), (0x2001, 0x0db8 | 0x0000..=0x01ff) | (0x3fff, 0x0000..=0x0fff))
}

/// The IPv4 address that such an address leads to: mapped, by NAT64 (RFC 6052), or by 6to4 (RFC 3056).
fn carried_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let of = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match address.segments() {
        [0x0064, 0xff9b, 0, 0, 0, 0, high, low] => Some(of(high, low)),
        [0x2002, high, low, ..] => Some(of(high, low)),
        _ => address.to_ipv4_mapped(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_the_internets_is_public() {
        let is = |text: &str| is_public(text.parse().unwrap());
        for public in
            ["1.1.1.1", "93.184.215.14", "172.32.0.1", "2606:4700::1111", "2002:101:101::"]
        {
            assert!(is(public), "{public}");
        }
        for private in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.5",
            "100.64.0.1",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:10.0.0.5",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "fec0::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "3fff::1",
        ] {
            assert!(!is(private), "{private}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_here_is_refused() {
        let refused = PublicOnly.resolve("localhost".parse().unwrap()).await.err().unwrap();
        let words = refused.to_string();
        assert!(words.contains("localhost") && words.contains("allow_private"), "{words}");
    }
}
