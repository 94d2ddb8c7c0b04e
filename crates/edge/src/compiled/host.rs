//! Reading a Host header.

/// The longest hostname that is looked up (RFC 1035 allows 253 octets).
const LONGEST: usize = 255;

/// Room on the stack in which a hostname is folded, so that reading one allocates nothing.
pub(crate) struct HostBuffer([u8; LONGEST]);

impl HostBuffer {
    pub(crate) fn new() -> Self {
        Self([0; LONGEST])
    }

    /// The hostname in the value of a Host header (RFC 9110 §7.2), in lower case, without its port
    /// and without the dot that may end it. `None` when the value is no host.
    pub(crate) fn read(&mut self, value: &[u8]) -> Option<&str> {
        let name = without_port(value)?;
        let name = name.strip_suffix(b".").unwrap_or(name);
        if name.is_empty() || name.len() > LONGEST {
            return None;
        }
        let folded = &mut self.0[..name.len()];
        for (to, from) in folded.iter_mut().zip(name) {
            if !may_stand_in_host(*from) {
                return None;
            }
            *to = from.to_ascii_lowercase();
        }
        std::str::from_utf8(folded).ok()
    }
}

/// Cuts a port off; a colon within brackets belongs to an IPv6 address.
fn without_port(value: &[u8]) -> Option<&[u8]> {
    let name_ends = if value.first() == Some(&b'[') {
        value.iter().position(|b| *b == b']')? + 1
    } else {
        value.iter().position(|b| *b == b':').unwrap_or(value.len())
    };
    let (name, rest) = value.split_at(name_ends);
    let port_ok = match rest {
        [] => true,
        [b':', digits @ ..] => digits.len() <= 5 && digits.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    port_ok.then_some(name)
}

/// The characters of RFC 3986's host, without those that only user information has.
fn may_stand_in_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.'
                | b'_'
                | b'~'
                | b'%'
                | b'['
                | b']'
                | b':'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b';'
                | b'='
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_folded_and_ports_cut_off() {
        for (value, host) in [
            ("shop.example.com", "shop.example.com"),
            ("Shop.Example.COM:8080", "shop.example.com"),
            ("shop.example.com.", "shop.example.com"),
            ("shop.example.com.:80", "shop.example.com"),
            ("127.0.0.1:80", "127.0.0.1"),
            ("[::1]:8080", "[::1]"),
            ("[::1]", "[::1]"),
            ("shop:", "shop"),
        ] {
            assert_eq!(HostBuffer::new().read(value.as_bytes()), Some(host), "{value}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        let long = "a".repeat(256);
        for value in [
            "",
            ":80",
            ".",
            "a b",
            "a/b",
            "user@host",
            "host:port",
            "[::1",
            "[::1]x",
            "a:1:2",
            &long,
        ] {
            assert_eq!(HostBuffer::new().read(value.as_bytes()), None, "{value}");
        }
    }
}
