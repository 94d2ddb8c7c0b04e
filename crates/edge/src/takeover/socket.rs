//! `takeover.sock`: who may use it is the file's to say, and is asked of the system besides.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::process::geteuid;
use tokio::net::{UnixListener, UnixStream};

fn path(dir: &Path) -> PathBuf {
    dir.join("takeover.sock")
}

/// Listens, in place of whoever did before. For who has the lock.
pub(super) fn listen(dir: &Path) -> io::Result<UnixListener> {
    let beside = dir.join("takeover.new");
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&beside)?;
    fs::set_permissions(&beside, Permissions::from_mode(0o600))?;
    fs::rename(&beside, path(dir))?;
    Ok(listener)
}

/// Connects to whoever listens.
pub(super) async fn connect(dir: &Path) -> io::Result<UnixStream> {
    let stream = UnixStream::connect(path(dir)).await?;
    check(&stream)?;
    Ok(stream)
}

/// Takes the next connection.
pub(super) async fn accept(listener: &UnixListener) -> io::Result<UnixStream> {
    let (stream, _) = listener.accept().await?;
    check(&stream)?;
    Ok(stream)
}

/// Both ends belong to one user.
fn check(stream: &UnixStream) -> io::Result<()> {
    let (peer, own) = (stream.peer_cred()?.uid(), geteuid().as_raw());
    if peer == own {
        return Ok(());
    }
    let why = format!("the other process belongs to user {peer}, this one to user {own}");
    Err(io::Error::new(io::ErrorKind::PermissionDenied, why))
}
