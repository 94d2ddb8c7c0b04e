//! The bare repositories, one for each service.

use std::path::{Path, PathBuf};

use launcher_model::ServiceName;

use super::command::{git, output, prepared};
use crate::{Error, Result};

/// Where all repositories are.
#[derive(Debug, Clone)]
pub struct Repositories {
    root: PathBuf,
}

/// The repository of one service.
#[derive(Debug, Clone)]
pub struct Repository {
    /// Whose.
    pub service: ServiceName,
    directory: PathBuf,
}

/// Attributes of files in a pushed tree must not decide what is built: these are stronger than those.
const ATTRIBUTES: &str = "* -export-ignore -export-subst\n";

/// What the folder of one that is being made begins with; no service's name does.
const FRESH: &str = ".new-";

/// A repository that is being made. It is gone with this, unless it was put in its place.
struct Fresh(PathBuf);

impl Drop for Fresh {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn make(directory: &Path) -> Result<()> {
    let info = directory.join("info");
    tokio::fs::create_dir_all(&info).await.map_err(Error::file("cannot make the folder", &info))?;
    let mut init = git(directory);
    init.env_remove("GIT_DIR");
    init.args(["init", "--quiet", "--bare", "--initial-branch=main", "--template=", "."]);
    output("making a repository", &mut init).await?;
    let attributes = info.join("attributes");
    tokio::fs::write(&attributes, ATTRIBUTES)
        .await
        .map_err(Error::file("cannot write", &attributes))
}

impl Repositories {
    /// Repositories under a folder, which need not be there yet.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// A service's repository, made when there is none. Safe to repeat, and to be killed in the middle: it
    /// is made beside its place, since git finds its own locks there again.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn open(&self, service: &ServiceName) -> Result<Repository> {
        let repository = self.of(service);
        let directory = &repository.directory;
        if repository.is_there().await {
            return Ok(repository);
        }
        let fresh = Fresh(self.root.join(format!("{FRESH}{:016x}", rand::random::<u64>())));
        make(&fresh.0).await?;
        if tokio::fs::rename(&fresh.0, directory).await.is_ok() || repository.is_there().await {
            return Ok(repository);
        }
        // What is there was left half made.
        self.remove(service).await?;
        tokio::fs::rename(&fresh.0, directory)
            .await
            .map_err(Error::file("cannot make the folder", directory))?;
        Ok(repository)
    }

    /// Removes what a server before this one left half made.
    pub(crate) async fn sweep(&self) {
        let Ok(mut found) = tokio::fs::read_dir(&self.root).await else { return };
        while let Ok(Some(entry)) = found.next_entry().await {
            if entry.file_name().to_string_lossy().starts_with(FRESH) {
                let _ = tokio::fs::remove_dir_all(entry.path()).await;
            }
        }
    }

    /// The services that have a repository.
    pub(crate) async fn all(&self) -> Vec<ServiceName> {
        let mut services = Vec::new();
        let Ok(mut found) = tokio::fs::read_dir(&self.root).await else { return services };
        while let Ok(Some(entry)) = found.next_entry().await {
            let name = entry.file_name();
            let service = name.to_str().and_then(|name| name.strip_suffix(".git"));
            services.extend(service.and_then(|service| ServiceName::new(service).ok()));
        }
        services
    }

    /// A service's repository, whether it is there or not.
    #[must_use]
    pub fn of(&self, service: &ServiceName) -> Repository {
        // A service's name is a DNS label: there is no way out of the folder in it.
        let directory = self.root.join(format!("{service}.git"));
        Repository { service: service.clone(), directory }
    }

    /// Removes the repository of a service that is gone. None is no error.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub async fn remove(&self, service: &ServiceName) -> Result<()> {
        let directory = self.of(service).directory;
        match tokio::fs::remove_dir_all(&directory).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::file("cannot remove", directory)(error))
            }
            _ => Ok(()),
        }
    }
}

impl Repository {
    /// Its folder.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Whether it was made.
    pub(crate) async fn is_there(&self) -> bool {
        is_file(&self.attributes()).await
    }

    /// The file that is written last when it is made.
    fn attributes(&self) -> PathBuf {
        self.directory.join("info/attributes")
    }

    /// Packs what has come in, when there is much of it, and removes what was left half taken in, or what
    /// no branch has had for two weeks.
    ///
    /// # Errors
    /// When git fails.
    pub async fn tidy(&self) -> Result<()> {
        // In the background it would outlive this, and the server.
        let mut command = prepared("git", &self.directory, &[("gc.autoDetach", "false")]);
        command.args(["gc", "--auto", "--quiet"]);
        output("tidying a repository", &mut command).await.map(drop)
    }
}

async fn is_file(path: &Path) -> bool {
    tokio::fs::metadata(path).await.is_ok_and(|found| found.is_file())
}
