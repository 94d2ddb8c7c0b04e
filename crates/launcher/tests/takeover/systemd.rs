//! What systemd would do, done by hand.

use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use launcher_testkit::wait::{SOON, until};
use rustix::process::Signal;
use tokio::net::UnixDatagram;

use super::support::*;

/// Starts the edge as systemd does: with a socket as its descriptor 3.
fn activated(lab: &Lab, socket: &std::net::TcpListener, notify: &std::path::Path) -> Edge {
    let plain = lab.command(&[]);
    let mut command = Command::new("/bin/sh");
    let script = "LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" \"$@\" 3<&0 0</dev/null";
    command.args(["-c", script]).arg(plain.get_program()).args(plain.get_args());
    command.env("NOTIFY_SOCKET", notify);
    let socket: OwnedFd = socket.try_clone().unwrap().into();
    Edge::spawn_with(command, lab.log(), Stdio::from(socket))
}

async fn main_pid(notified: &UnixDatagram) -> u32 {
    loop {
        let mut text = [0; 512];
        let read = tokio::time::timeout(SOON, notified.recv(&mut text)).await.unwrap().unwrap();
        let text = String::from_utf8_lossy(&text[..read]).into_owned();
        if text.contains("READY=1") {
            let pid = text.lines().find_map(|line| line.strip_prefix("MAINPID="));
            return pid.unwrap().parse().unwrap();
        }
    }
}

/// The socket is systemd's, which keeps it; a reload has the edge replace itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_activated_by_a_socket_and_replaced_by_a_reload() {
    let lab = Lab::new().await;
    let socket = std::net::TcpListener::bind(lab.http).unwrap();
    // Who connects before the edge is there is served when it is.
    let http = lab.http;
    let early = tokio::spawn(async move { get(http).await });
    let notify = lab.dir.path().join("notify.sock");
    let notified = UnixDatagram::bind(&notify).unwrap();
    let mut edge = activated(&lab, &socket, &notify);
    assert_eq!(main_pid(&notified).await, edge.pid());
    assert_eq!(early.await.unwrap(), Ok(1));

    let load = lab.load(4);
    until("load", SOON, || async { (load.answered() > 20).then_some(()) }).await;
    edge.signal(Signal::HUP);
    let pid = main_pid(&notified).await;
    assert_ne!(pid, edge.pid());
    let successor = Successor(pid);
    // It was started by the one before, which ends.
    until("the end of the one before", SOON, || {
        let ended = edge.ended();
        async move { ended }
    })
    .await;
    assert_eq!(get(lab.http).await, Ok(1));
    let report = load.stop();
    assert_eq!((report.failed, report.wrong), (0, 0), "{report:?}");
    drop(successor);
}

/// A process that is nobody's child here.
struct Successor(u32);

impl Drop for Successor {
    fn drop(&mut self) {
        signal_to(self.0, Signal::TERM);
        while std::path::Path::new(&format!("/proc/{}/exe", self.0)).exists()
            && std::fs::read_link(format!("/proc/{}/exe", self.0)).is_ok()
        {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
}
