//! What a build is made of: the settings in it, and the files that go into its image.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use launcher_model::ServiceName;
use launcher_model::build::{Build, Origin};
use launcher_model::service::{ServiceSpec, read};
use launcher_scheduler::Context;

use futures_util::StreamExt;
use tokio_util::io::ReaderStream;

use crate::git::{self, Repository};
use crate::{Error, Result};

/// The file with a service's settings, in the topmost folder.
pub(crate) const SETTINGS: &str = "launcher.toml";
/// The archive of what was sent in, in the folder of its build.
pub(crate) const CONTEXT: &str = "context.tar";
/// The longest such file, in bytes.
const LONGEST_SETTINGS: usize = 256 << 10;

/// A state of an application's source.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// A commit of the service's repository.
    Commit {
        /// The repository.
        repository: Repository,
        /// The commit's id.
        id: String,
    },
    /// A working copy that was sent in.
    Upload {
        /// Where it is kept.
        folder: PathBuf,
    },
}

impl Source {
    /// The source of a build.
    pub(crate) fn of(build: &Build, repository: Repository, folder: PathBuf) -> Result<Self> {
        match (build.origin, &build.commit) {
            (Origin::Upload, _) => Ok(Self::Upload { folder }),
            (_, Some(id)) => Ok(Self::Commit { repository, id: id.clone() }),
            (_, None) => Err(Error::Source("the build names no commit".to_owned())),
        }
    }

    /// The settings that are in the source; those that the service has when there are none in it.
    pub(crate) async fn settings(
        &self,
        service: &ServiceName,
        known: ServiceSpec,
    ) -> Result<Arc<ServiceSpec>> {
        let text = match self {
            Self::Commit { repository, id } => {
                git::file(repository, id, SETTINGS, LONGEST_SETTINGS).await?
            }
            Self::Upload { folder } => sent_in(&folder.join(SETTINGS)).await?,
        };
        let Some(text) = text else { return Ok(Arc::new(known)) };
        let text = String::from_utf8(text)
            .map_err(|_| Error::Source(format!("{SETTINGS} is not UTF-8 text")))?;
        let spec = read(SETTINGS, &text).map_err(|error| Error::Settings(Box::new(error)))?;
        if spec.service.name != *service {
            return Err(Error::Source(format!(
                "{SETTINGS} is of the service {}, and this is the repository of {service}; push to {}.git",
                spec.service.name, spec.service.name
            )));
        }
        Ok(Arc::new(spec))
    }

    /// The files that an image is built of.
    pub(crate) fn context(&self, spec: &ServiceSpec) -> Result<Context> {
        let built = built(spec)?;
        match self {
            Self::Commit { repository, id } => git::archive(repository, id, built),
            // What was sent in is the folder that is built.
            Self::Upload { folder } => Ok(whole(folder.join(CONTEXT))),
        }
    }
}

/// The folder that is built.
fn built(spec: &ServiceSpec) -> Result<&str> {
    spec.service.build.as_deref().ok_or_else(|| {
        Error::Source(format!(
            "nothing says what to build: write build = \".\" under [service] in {SETTINGS}, beside a Dockerfile"
        ))
    })
}

async fn sent_in(path: &Path) -> Result<Option<Vec<u8>>> {
    match tokio::fs::read(path).await {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::file("cannot read", path)(error)),
    }
}

/// A file in pieces.
fn whole(path: PathBuf) -> Context {
    let stream = async_stream::stream! {
        match tokio::fs::File::open(&path).await {
            Err(_) => yield Err(std::io::Error::other(
                "what was sent in is not kept any more; send it again with `launcher build`",
            )),
            Ok(file) => {
                let mut pieces = ReaderStream::with_capacity(file, 64 << 10);
                while let Some(piece) = pieces.next().await {
                    yield piece;
                }
            }
        }
    };
    stream.boxed()
}
