//! What the tests of labs share.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use launcher_lab::{Image, Lab};
pub(crate) use launcher_testkit::wait::SOON;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Asks again and again until the answer is yes.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut ask: impl FnMut() -> F) {
    let mut asked = || {
        let answer = ask();
        async move { answer.await.then_some(()) }
    };
    launcher_testkit::wait::until(what, SOON, &mut asked).await;
}

/// Whether something answers to HTTP there, within a second.
pub(crate) async fn answers(address: Ipv4Addr, port: u16) -> bool {
    let asked = async {
        let mut stream = TcpStream::connect(SocketAddr::from((address, port))).await?;
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await?;
        let mut answer = [0; 8];
        stream.read_exact(&mut answer).await?;
        Ok::<_, std::io::Error>(answer.starts_with(b"HTTP/1."))
    };
    matches!(tokio::time::timeout(Duration::from_secs(1), asked).await, Ok(Ok(true)))
}

/// Pushes an image whose containers serve HTTP on port 8080. Returns its name.
pub(crate) async fn push_web(lab: &Lab) -> String {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy("/bin/busybox", folder.path().join("busybox")).unwrap();
    let dockerfile = "FROM scratch\nCOPY busybox /busybox\n\
                      CMD [\"/busybox\", \"httpd\", \"-f\", \"-p\", \"8080\"]\n";
    std::fs::write(folder.path().join("Dockerfile"), dockerfile).unwrap();
    lab.push("web:1", &Image::Folder(folder.path().to_owned())).await.unwrap()
}

/// Whether the Swarm tells that this host is ready.
pub(crate) async fn is_ready(lab: &Lab, host: &str) -> bool {
    let nodes = lab.nodes().await.unwrap();
    nodes.iter().find(|node| node.host == host).expect("it is a node").ready
}

/// What of a lab is on this machine, one a line.
pub(crate) fn traces(lab: &str, directory: &Path) -> Vec<String> {
    let mut traces = Vec::new();
    for list in ["ip -o link", "ip netns list", "iptables -S", "iptables -t nat -S"] {
        traces.extend(lines_with(&shell(list), lab, list));
    }
    traces.extend(lines_with(&shell("cat /proc/mounts"), lab, "mount"));
    traces.extend(lines_with(
        &shell("find /sys/fs/cgroup -type d 2>/dev/null || true"),
        lab,
        "control group",
    ));
    let processes = format!("grep -lszxF LAUNCHER_LAB={lab} /proc/[0-9]*/environ || true");
    traces.extend(lines_with(&shell(&processes), "environ", "process"));
    let contained = format!("grep -ls /{lab}/ /proc/[0-9]*/cgroup || true");
    traces.extend(lines_with(&shell(&contained), "cgroup", "contained"));
    if directory.exists() {
        traces.push(format!("directory: {}", directory.display()));
    }
    traces
}

fn lines_with(text: &str, part: &str, kind: &str) -> Vec<String> {
    text.lines().filter(|line| line.contains(part)).map(|line| format!("{kind}: {line}")).collect()
}

/// What a command prints.
pub(crate) fn shell(command: &str) -> String {
    let output = Command::new("sh").args(["-c", command]).output().unwrap();
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
