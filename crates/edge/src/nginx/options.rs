//! Where the nginx is that an edge runs beside, and what it may write.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::Error;

/// What the driver is to know of an nginx that somebody else runs.
#[derive(Debug, Clone)]
pub struct Options {
    /// The program, with which configurations are tested.
    pub binary: PathBuf,
    /// Its main configuration file.
    pub conf: PathBuf,
    /// What it was started with as `-p`, if it was.
    pub prefix: Option<PathBuf>,
    /// The file that holds the process id of its master.
    pub pid: PathBuf,
    /// The directory of included files, which is the driver's own.
    pub include: PathBuf,
    /// An address of this machine that nothing else uses: nginx tells there which configuration it
    /// serves, and its workers hand late requests to one another.
    pub internal: SocketAddr,
    /// The addresses on which nginx is to serve.
    pub http: Vec<SocketAddr>,
    /// Where the driver keeps what is its own.
    pub data_dir: PathBuf,
}

impl Options {
    /// The log that nginx writes and the driver counts.
    pub(super) fn access_log(&self) -> PathBuf {
        self.data_dir.join("nginx-access.log")
    }

    /// The files that say which configurations have been succeeded.
    pub(super) fn passed(&self) -> PathBuf {
        self.include.join("passed")
    }

    /// The files of those who may look at previews.
    pub(super) fn logins(&self) -> PathBuf {
        self.include.join("logins")
    }

    /// The socket at which nginx leads requests into the waiting room.
    pub(super) fn waiting(&self) -> PathBuf {
        self.include.join("waiting.sock")
    }

    /// Makes the paths whole, and sees that they can stand in a configuration as they are.
    pub(super) fn checked(mut self) -> Result<Self, Error> {
        for path in [&mut self.conf, &mut self.include, &mut self.data_dir] {
            let whole = std::path::absolute(&*path);
            *path = whole.map_err(|cause| Error::Include { path: path.clone(), cause })?;
            if !is_plain(path) {
                return Err(Error::Path(path.clone()));
            }
        }
        Ok(self)
    }
}

/// Whether nginx reads a path as it is written: one word, without quotes, variables and patterns.
fn is_plain(path: &Path) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@=,~".contains(c);
    path.to_str().is_some_and(|text| text.chars().all(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_nginx_would_read_otherwise_is_not_plain() {
        for path in ["/etc/nginx/a b", "/etc/$x", "/a;b", "/a\"", "/a*b", "/a{", "/a\n", "/ä", "/#"]
        {
            assert!(!is_plain(Path::new(path)), "{path}");
        }
        assert!(is_plain(Path::new("/etc/nginx/rocket-launcher/v1.2_x")));
    }
}
