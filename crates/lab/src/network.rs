//! The network of a lab: a bridge, to which the cables of its hosts lead.

use std::net::Ipv4Addr;

use crate::Result;
use crate::command::run;
use crate::error::Error;

/// How many networks are tried before none is free.
const ATTEMPTS: usize = 200;

/// The network of a lab.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    bridge: String,
    /// The first three parts of its addresses.
    prefix: [u8; 3],
}

impl Network {
    /// Makes it, in a range of addresses that nobody on this machine uses. Two that are made at once might
    /// find the same one: whoever calls this has the [turn](crate::folder::take_turn).
    ///
    /// # Errors
    /// When there is no such range, or the system refuses.
    pub(crate) async fn make(bridge: &str) -> Result<Self> {
        let taken = taken().await?;
        // Below 10.100 is where Swarm begins to give out networks of its own.
        let candidates = (0..ATTEMPTS).map(|_| [10, rand::random_range(100..255), rand::random()]);
        let mut free = candidates.filter(|prefix| !taken.iter().any(|taken| taken.holds(*prefix)));
        let prefix = free.next().ok_or(Error::NoNetwork(ATTEMPTS))?;
        let network = Self { bridge: bridge.to_owned(), prefix };
        run(&format!("ip link add {bridge} type bridge")).await?;
        run(&format!("ip address add {}/24 dev {bridge}", network.gateway())).await?;
        run(&format!("ip link set {bridge} up")).await?;
        // Frames that cross a bridge are filtered as if they were routed, and an engine on this machine
        // has those dropped that are not its own.
        run(&format!("iptables -w -I FORWARD -i {bridge} -o {bridge} -j ACCEPT")).await?;
        Ok(network)
    }

    /// Where the hosts reach this machine.
    pub(crate) fn gateway(&self) -> Ipv4Addr {
        self.address(1)
    }

    /// Where the host with this number, from 1, is reached.
    pub(crate) fn host(&self, number: u8) -> Ipv4Addr {
        self.address(10 + number)
    }

    /// All its addresses, as an engine's settings have them.
    pub(crate) fn range(&self) -> String {
        format!("{}/24", self.address(0))
    }

    fn address(&self, last: u8) -> Ipv4Addr {
        let [a, b, c] = self.prefix;
        Ipv4Addr::new(a, b, c, last)
    }

    /// This machine's end of a host's cable.
    fn cable(&self, number: u8) -> String {
        format!("{}-{number}", self.bridge)
    }

    /// Lays a cable to a host whose first process is this one, and plugs it in.
    ///
    /// # Errors
    /// When the system refuses.
    pub(crate) async fn connect(&self, number: u8, process: u32) -> Result<()> {
        let (bridge, cable) = (&self.bridge, self.cable(number));
        run(&format!("ip link add {cable} type veth peer name eth0 netns {process}")).await?;
        run(&format!("ip link set {cable} master {bridge} up")).await?;
        let (address, gateway) = (self.host(number), self.gateway());
        for step in [
            "link set lo up".to_owned(),
            format!("address add {address}/24 dev eth0"),
            "link set eth0 up".to_owned(),
            format!("route add default via {gateway}"),
        ] {
            run(&format!("nsenter --target {process} --net ip {step}")).await?;
        }
        Ok(())
    }

    /// Pulls a host's cable: nothing reaches it, and nobody is told.
    ///
    /// # Errors
    /// When the system refuses.
    pub(crate) async fn cut(&self, number: u8) -> Result<()> {
        run(&format!("ip link set {} down", self.cable(number))).await.map(drop)
    }

    /// Plugs it in again.
    ///
    /// # Errors
    /// When the system refuses.
    pub(crate) async fn mend(&self, number: u8) -> Result<()> {
        run(&format!("ip link set {} up", self.cable(number))).await.map(drop)
    }

    /// Takes a host's cable away, if there is one.
    pub(crate) async fn disconnect(&self, number: u8) {
        let _ = run(&format!("ip link delete {}", self.cable(number))).await;
    }
}

/// Addresses that something on this machine has, or has a way to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    address: Ipv4Addr,
    length: u32,
}

impl Range {
    fn parse(word: &str) -> Option<Self> {
        let (address, length) = word.split_once('/').unwrap_or((word, "32"));
        Some(Self { address: address.parse().ok()?, length: length.parse().ok()? })
    }

    /// Whether one of the two is in the other. Ways to large networks do not count: a lab's own is
    /// narrower, and goes first.
    fn holds(self, [a, b, c]: [u8; 3]) -> bool {
        let length = self.length.min(24);
        let mask = u32::MAX << (32 - length.max(1));
        let candidate = u32::from(Ipv4Addr::new(a, b, c, 0));
        length >= 16 && (u32::from(self.address) ^ candidate) & mask == 0
    }
}

async fn taken() -> Result<Vec<Range>> {
    let addresses = run("ip -4 -o address show").await?;
    let routes = run("ip -4 -o route show table all").await?;
    let words = addresses.split_whitespace().chain(routes.split_whitespace());
    Ok(words.filter_map(Range::parse).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_that_is_in_use_is_not_free() {
        let holds = |range: &str, prefix| Range::parse(range).expect("a range").holds(prefix);
        assert!(holds("10.120.7.1/24", [10, 120, 7]));
        assert!(holds("10.120.7.200", [10, 120, 7]));
        assert!(holds("10.120.0.0/16", [10, 120, 7]));
        assert!(!holds("10.120.8.0/24", [10, 120, 7]));
        assert!(!holds("10.0.0.0/8", [10, 120, 7]));
        assert!(!holds("0.0.0.0/0", [10, 120, 7]));
    }

    #[test]
    fn other_words_are_no_ranges() {
        assert_eq!(["default", "inet", "10.1", "fe80::1/64", "dev"].map(Range::parse), [None; 5]);
    }
}
