//! Other machines: network namespaces on the engine's own network, each with an address of its own,
//! whose cable can be pulled.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};

/// The network of the engine, to which the cables lead.
const BRIDGE: &str = "docker0";

/// The third part of the machines' addresses: the engine counts up from 0 and does not come so far.
const RANGE: u8 = 250;

static LAST: AtomicU8 = AtomicU8::new(0);

/// A machine. What runs on it ends, and it is gone, when it is dropped.
pub struct Machine {
    name: String,
    cable: String,
    /// Where the others reach it.
    pub address: Ipv4Addr,
    running: Vec<Child>,
}

/// The address at which machines reach the one that the tests run on.
///
/// # Panics
/// When the engine has no network of its own.
#[must_use]
pub fn host_address() -> Ipv4Addr {
    let shown = Command::new("ip").args(["-4", "-o", "addr", "show", "dev", BRIDGE]).output();
    let shown = String::from_utf8(shown.expect("`ip` runs").stdout).unwrap();
    let mut words = shown.split_whitespace().skip_while(|word| *word != "inet");
    let network = words.nth(1).expect("the engine's network has an address").to_owned();
    network.split('/').next().unwrap().parse().unwrap()
}

fn ip(arguments: &str) {
    let done = Command::new("ip").args(arguments.split(' ')).output().expect("`ip` runs");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "ip {arguments}: {said}");
}

impl Default for Machine {
    fn default() -> Self {
        Self::new()
    }
}

impl Machine {
    /// A new one, with its cable plugged in.
    ///
    /// # Panics
    /// When this user may not make one.
    #[must_use]
    pub fn new() -> Self {
        let number = LAST.fetch_add(1, Ordering::Relaxed) + 1;
        let name = format!("launcher-{}-{number}", std::process::id());
        // As long as the name of an interface may be: 15 characters.
        let cable = format!("lm{}-{number}", std::process::id());
        let [a, b, _, _] = host_address().octets();
        let machine =
            Self { address: Ipv4Addr::new(a, b, RANGE, number), name, cable, running: Vec::new() };
        let (name, cable, address) = (&machine.name, &machine.cable, machine.address);
        ip(&format!("netns add {name}"));
        ip(&format!("link add {cable} type veth peer name eth0 netns {name}"));
        ip(&format!("link set {cable} master {BRIDGE}"));
        ip(&format!("-n {name} addr add {address}/16 dev eth0"));
        ip(&format!("-n {name} link set lo up"));
        ip(&format!("-n {name} link set eth0 up"));
        machine.plug_in();
        machine
    }

    /// The same, as an address.
    #[must_use]
    pub fn ip(&self) -> IpAddr {
        self.address.into()
    }

    /// Pulls its cable: nothing reaches it, and nobody is told.
    pub fn pull_out(&self) {
        ip(&format!("link set {} down", self.cable));
    }

    /// Plugs it in again.
    pub fn plug_in(&self) {
        ip(&format!("link set {} up", self.cable));
    }

    /// Runs a program on it; what it says goes to this file.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn run(&mut self, program: &Path, arguments: &[&str], log: &Path) {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program).args(arguments);
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.running.push(command.spawn().unwrap());
    }

    /// Kills what runs on it.
    pub fn kill(&mut self) {
        for mut child in self.running.drain(..) {
            // `ip netns exec` becomes the program, so that this is the program's own process.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.kill();
        let _ = Command::new("ip").args(["link", "del", &self.cable]).output();
        let _ = Command::new("ip").args(["netns", "del", &self.name]).output();
    }
}
