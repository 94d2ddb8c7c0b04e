//! Clients that hold many connections open.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Resource, getrlimit, setrlimit};

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Opens `count` connections, has one request answered on each, and leaves them open.
///
/// # Errors
/// When one cannot be opened, or is not answered with 200.
pub(crate) fn open(address: SocketAddr, host: &str, count: usize) -> Result<Vec<TcpStream>> {
    allow(count + 100)?;
    let request = format!("GET /version HTTP/1.1\r\nHost: {host}\r\n\r\n");
    (0..count)
        .map(|number| {
            ask(address, &request).with_context(|| format!("connection {number} to {address}"))
        })
        .collect()
}

fn ask(address: SocketAddr, request: &str) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request.as_bytes())?;
    // The answer is small enough to come in one piece.
    let mut answer = [0; 1024];
    let read = stream.read(&mut answer)?;
    if !answer[..read].starts_with(b"HTTP/1.1 200 ") {
        bail!("was answered {:?}", String::from_utf8_lossy(&answer[..read]));
    }
    Ok(stream)
}

/// Raises the limit of open files, which the processes that are started later inherit.
pub(crate) fn allow(files: usize) -> Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    let files = u64::try_from(files)?;
    if limit.maximum.is_some_and(|maximum| maximum < files) {
        bail!("{files} open files are needed; raise the hard limit: ulimit -Hn {files}");
    }
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).context("cannot raise the limit of open files")
}
