//! The data directory: what lies where in it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// Where root's is.
const SYSTEM_DIR: &str = "/var/lib/rocket-launcher";

/// The data directory when nobody says: the system's for root, the user's data folder otherwise.
pub(crate) fn default_dir() -> PathBuf {
    if rustix::process::geteuid().is_root() {
        return PathBuf::from(SYSTEM_DIR);
    }
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".local/share"));
    let base = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).or_else(home);
    base.map_or_else(|| PathBuf::from(SYSTEM_DIR), |base| base.join("rocket-launcher"))
}

/// Has this process, and those that it starts, make files that nobody else may read: what is pushed and
/// built is nobody else's business, and git and databases do not ask.
pub(crate) fn keep_to_itself() {
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
}

/// An installation's files.
#[derive(Debug, Clone)]
pub(crate) struct DataDir(PathBuf);

/// The longest path that a Unix socket can have on Linux, with its terminator.
const SOCKET_PATH_MAX: usize = 108;

impl DataDir {
    /// The name of the database's file.
    pub(crate) const DATABASE: &str = "launcher.db";

    /// Makes the directory, for nobody but this user, if it is not there.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .with_context(|| format!("cannot make the data directory {}", path.display()))?;
        let path = fs::canonicalize(path)
            .with_context(|| format!("cannot use the data directory {}", path.display()))?;
        let dir = Self(path);
        if dir.edge_socket().as_os_str().len() >= SOCKET_PATH_MAX {
            bail!(
                "the path of the data directory {} is too long for a socket in it; use a shorter one",
                dir.0.display()
            );
        }
        Ok(dir)
    }

    /// Closes to others what a server before this one has left open. What is somebody else's stays as it is.
    pub(crate) fn close(&self) {
        for name in ["builds", "git", "logs"] {
            let path = self.0.join(name);
            match fs::set_permissions(&path, fs::Permissions::from_mode(0o700)) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    tracing::warn!(path = %path.display(), %error, "this is open to others");
                }
                _ => {}
            }
        }
    }

    /// The directory itself.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The database.
    pub(crate) fn database(&self) -> PathBuf {
        self.0.join(Self::DATABASE)
    }

    /// Refuses to go on where the database is gone and the rest of its installation is not. An empty
    /// one in its place would forget every service, and have the edge drop every route.
    ///
    /// # Errors
    /// When that is so.
    pub(crate) fn refuse_lost_database(&self) -> Result<()> {
        let database = self.database();
        match fs::metadata(&database) {
            Ok(metadata) if metadata.len() > 0 => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot use {}", database.display()));
            }
        }
        let left = self.left_of_installation();
        if left.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = left.iter().map(|path| path.display().to_string()).collect();
        bail!(
            "the database {} is gone, and the installation that it belongs to is not. Put the database back: \
             from where it was moved to, or from a backup, after moving files away whose names end in -wal \
             and -shm. Or begin a new installation, which has the edge drop every route: remove {}",
            database.display(),
            names.join(" and ")
        )
    }

    /// What an installation leaves beside its database; a first start makes none of it before that.
    fn left_of_installation(&self) -> Vec<PathBuf> {
        let log = self.0.join(format!("{}-wal", Self::DATABASE));
        let files = [log, self.secret_key(), self.admin_token()];
        let holds = |path: &PathBuf| fs::metadata(path).is_ok_and(|metadata| metadata.len() > 0);
        let mut left: Vec<PathBuf> = files.into_iter().filter(holds).collect();
        let routes = self.edge_dir().join("routes");
        if fs::read_dir(&routes).is_ok_and(|mut entries| entries.next().is_some()) {
            left.push(routes);
        }
        left
    }

    /// What was measured.
    pub(crate) fn metrics(&self) -> PathBuf {
        self.0.join("metrics.db")
    }

    /// The last event of which a collector was told.
    pub(crate) fn traced(&self) -> PathBuf {
        self.0.join("otlp-traced")
    }

    /// What containers have printed that are gone.
    pub(crate) fn logs(&self) -> PathBuf {
        self.0.join("logs")
    }

    /// The key that secrets are sealed with.
    pub(crate) fn secret_key(&self) -> PathBuf {
        self.0.join("secret.key")
    }

    /// The administrator's token.
    pub(crate) fn admin_token(&self) -> PathBuf {
        self.0.join("admin-token")
    }

    /// The URL under which this machine's command line finds the server.
    pub(crate) fn address(&self) -> PathBuf {
        self.0.join("address")
    }

    /// Where the edge of this machine reaches the server.
    pub(crate) fn edge_socket(&self) -> PathBuf {
        self.0.join("edge.sock")
    }

    /// What edges of other machines recognize this server by.
    pub(crate) fn edge_identity(&self) -> PathBuf {
        self.0.join("edges.pem")
    }

    /// What the edge of this machine keeps.
    pub(crate) fn edge_dir(&self) -> PathBuf {
        self.0.join("edge")
    }

    /// Takes the directory for one server; it is let go when the file is closed, however that happens.
    pub(crate) fn lock(&self) -> Result<File> {
        let path = self.0.join("server.lock");
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path);
        let file = file.with_context(|| format!("cannot open {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(fs::TryLockError::WouldBlock) => bail!(
                "another server uses the data directory {}; stop it, or use another --data",
                self.0.display()
            ),
            Err(fs::TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("cannot lock {}", path.display()))
            }
        }
    }
}

/// Writes a file whole or not at all, readable by this user only.
pub(crate) fn write_private(path: &Path, content: &str) -> Result<()> {
    let temporary = path.with_extension("new");
    let write = || -> std::io::Result<()> {
        let mut options = OpenOptions::new();
        let mut file =
            options.create(true).write(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(content.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}
