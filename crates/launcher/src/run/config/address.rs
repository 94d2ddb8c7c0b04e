//! Addresses to listen on.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Deserializer, de};

/// Reads an IP address and a port; `PORT` is one to write in its place, where it is none.
pub(super) fn listened<'de, D: Deserializer<'de>, const PORT: u16>(
    deserializer: D,
) -> Result<SocketAddr, D::Error> {
    read(&String::deserialize(deserializer)?, PORT).map_err(de::Error::custom)
}

/// The same where nothing need be said.
pub(super) fn maybe_listened<'de, D: Deserializer<'de>, const PORT: u16>(
    deserializer: D,
) -> Result<Option<SocketAddr>, D::Error> {
    listened::<D, PORT>(deserializer).map(Some)
}

/// The same of several.
pub(super) fn several_listened<'de, D: Deserializer<'de>, const PORT: u16>(
    deserializer: D,
) -> Result<Option<Vec<SocketAddr>>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let addresses = texts.iter().map(|text| read(text, PORT));
    addresses.collect::<Result<_, _>>().map(Some).map_err(de::Error::custom)
}

fn read(text: &str, port: u16) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let bare = text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let (why, example) = match (bare, text.rsplit_once(':')) {
        (Ok(address), _) => ("it has no port", SocketAddr::new(address, port)),
        (Err(_), Some((_, own))) if own.parse::<u16>().is_ok() => {
            let port = own.parse().unwrap_or(port);
            ("a name is not enough to listen on", SocketAddr::from(([127, 0, 0, 1], port)))
        }
        (Err(_), _) => ("it is no IP address and port", SocketAddr::from(([127, 0, 0, 1], port))),
    };
    Err(format!("{text:?} cannot be listened on: {why}; write for example \"{example}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_address_is_told_with_one_that_is() {
        for (text, why, example) in [
            ("0.0.0.0", "it has no port", "0.0.0.0:24224"),
            ("::1", "it has no port", "[::1]:24224"),
            ("[::]", "it has no port", "[::]:24224"),
            ("localhost:24225", "a name is not enough", "127.0.0.1:24225"),
            ("24224", "it is no IP address and port", "127.0.0.1:24224"),
            ("127.0.0.1:99999", "it is no IP address and port", "127.0.0.1:24224"),
            ("", "it is no IP address and port", "127.0.0.1:24224"),
        ] {
            let refused = read(text, 24224).unwrap_err();
            assert!(refused.starts_with(&format!("{text:?} cannot be listened on: {why}")));
            assert!(refused.ends_with(&format!("write for example \"{example}\"")), "{refused}");
            assert!(example.parse::<SocketAddr>().is_ok());
        }
        assert_eq!(read("127.0.0.1:1", 2), Ok(SocketAddr::from(([127, 0, 0, 1], 1))));
    }
}
