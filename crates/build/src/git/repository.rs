//! The bare repositories, one for each service.

use std::path::{Path, PathBuf};

use launcher_model::ServiceName;

use super::command::{git, output};
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

impl Repositories {
    /// Repositories under a folder, which need not be there yet.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// A service's repository, made when there is none. Safe to repeat, and to be killed in the middle.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn open(&self, service: &ServiceName) -> Result<Repository> {
        let repository = self.of(service);
        let directory = &repository.directory;
        let attributes = directory.join("info/attributes");
        if is_file(&attributes).await {
            return Ok(repository);
        }
        tokio::fs::create_dir_all(directory)
            .await
            .map_err(Error::file("cannot make the folder", directory))?;
        let mut init = git(directory);
        init.env_remove("GIT_DIR");
        init.args(["init", "--quiet", "--bare", "--initial-branch=main", "--template=", "."]);
        output("making a repository", &mut init).await?;
        let info = directory.join("info");
        tokio::fs::create_dir_all(&info)
            .await
            .map_err(Error::file("cannot make the folder", &info))?;
        tokio::fs::write(&attributes, ATTRIBUTES)
            .await
            .map_err(Error::file("cannot write", &attributes))?;
        Ok(repository)
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

    /// Packs what has come in, when there is much of it.
    ///
    /// # Errors
    /// When git fails.
    pub async fn tidy(&self) -> Result<()> {
        let mut command = git(&self.directory);
        command.args(["gc", "--auto", "--quiet"]);
        output("tidying a repository", &mut command).await.map(drop)
    }
}

async fn is_file(path: &Path) -> bool {
    tokio::fs::metadata(path).await.is_ok_and(|found| found.is_file())
}
