//! Test images: nothing but a static busybox and what it is to do.

use std::net::SocketAddr;

use launcher_model::image::{Digest, PinnedImage};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::conformance::Behaviour;

/// A command line that ends at once when it is told to, as PID 1.
const UNTIL_STOPPED: &str = "trap 'exit 0' TERM; while :; do busybox sleep 1000 & wait; done";

/// The line of a Dockerfile that has a shell do this.
pub(crate) fn command(script: &str) -> String {
    format!("CMD {:?}", ["/bin/busybox", "sh", "-c", script])
}

/// Serves HTTP on its port, with a file `/index.html` that says its version.
pub(crate) fn serves() -> String {
    command(&format!(
        "echo \"$LAUNCHER_SERVICE $LAUNCHER_VERSION\" >/index.html; busybox httpd -p $PORT -h /; {UNTIL_STOPPED}"
    ))
}

/// The line of a Dockerfile for what behaves so; none for what [`cannot_be_pulled`].
pub(crate) fn behaves(behaviour: Behaviour) -> Option<String> {
    Some(match behaviour {
        Behaviour::Runs => command(UNTIL_STOPPED),
        Behaviour::Dies => command("echo out of luck; exit 3"),
        Behaviour::CannotStart => "CMD [\"/no/such/program\"]".to_owned(),
        Behaviour::Talks => {
            command(&format!("for line in 1 2 3; do echo line $line; done; {UNTIL_STOPPED}"))
        }
        Behaviour::CannotBePulled => return None,
    })
}

/// An image that a registry does not have.
pub(crate) fn cannot_be_pulled(registry: &str) -> PinnedImage {
    let digest = Digest::new(format!("sha256:{}", "0".repeat(64))).unwrap();
    let name = format!("{registry}/test/none");
    let reference = format!("{name}@{digest}").parse().unwrap();
    PinnedImage { requested: name.parse().unwrap(), reference, digest }
}

/// The program itself.
pub(crate) fn program() -> Vec<u8> {
    std::fs::read("/bin/busybox")
        .expect("no /bin/busybox: run `dev/setup.sh test`, or install the package busybox-static")
}

/// What [`serves`] answers with; none while it does not.
pub(crate) async fn get(address: SocketAddr) -> Option<String> {
    let mut stream = tokio::net::TcpStream::connect(address).await.ok()?;
    stream.write_all(b"GET /index.html HTTP/1.0\r\n\r\n").await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    answer.contains("200 OK").then_some(answer)
}
