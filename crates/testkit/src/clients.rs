//! Clients that others wrote, on demand installed as `dev/setup.sh` does.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the clients of a list under `dev/` are, such as `marathon-clients`, once they are installed.
///
/// `scratch` is the `CARGO_TARGET_TMPDIR` of the test that asks.
///
/// # Panics
/// When they cannot be installed.
#[must_use]
pub fn installed(list: &str, scratch: &str) -> PathBuf {
    let target = Path::new(scratch).parent().unwrap();
    let setup = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dev/setup.sh");
    let mut command = Command::new(setup);
    let installed = command.arg(list).env("CARGO_TARGET_DIR", target).output().unwrap();
    assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
    target.join(list)
}
