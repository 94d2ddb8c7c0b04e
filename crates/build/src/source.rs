//! What a build is made of: the settings in it, and the files that go into its image.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use launcher_model::ServiceName;
use launcher_model::build::{Build, Origin};
use launcher_model::service::{ServiceSpec, read};
use launcher_scheduler::Context;
use launcher_scheduler::dockerignore::{self, Ignore};

use futures_util::StreamExt;
use tokio_util::io::ReaderStream;

use crate::git::{self, Repository};
use crate::upload::LONGEST_SETTINGS;
use crate::{Error, Result};

/// The file with a service's settings, in the topmost folder.
pub(crate) const SETTINGS: &str = "launcher.toml";
/// The archive of what was sent in, in the folder of its build.
pub(crate) const CONTEXT: &str = "context.tar";
/// As much as an image is built of, in bytes.
const LARGEST_CONTEXT: u64 = 16 << 30;

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

    /// The settings that are in the source; none when there are none in it.
    pub(crate) async fn settings(&self, service: &ServiceName) -> Result<Option<Arc<ServiceSpec>>> {
        let text = match self {
            Self::Commit { repository, id } => {
                git::file(repository, id, SETTINGS, LONGEST_SETTINGS).await?
            }
            Self::Upload { folder } => sent_in(&folder.join(SETTINGS)).await?,
        };
        let Some(text) = text else { return Ok(None) };
        let text = String::from_utf8(text)
            .map_err(|_| Error::Source(format!("{SETTINGS} is not UTF-8 text")))?;
        let spec = read(SETTINGS, &text).map_err(|error| Error::Settings(Box::new(error)))?;
        if spec.service.name != *service {
            return Err(Error::Source(format!(
                "{SETTINGS} is of the service {}, and this is the repository of {service}; push to {}.git",
                spec.service.name, spec.service.name
            )));
        }
        Ok(Some(Arc::new(spec)))
    }

    /// The files that an image is built of, without those that the source itself leaves out.
    pub(crate) async fn context(&self, spec: &ServiceSpec) -> Result<Context> {
        let built = built(spec)?;
        match self {
            Self::Commit { repository, id } => {
                has_dockerfile(repository, id, built, &spec.build.dockerfile).await?;
                let ignore = ignored(repository, id, built, &spec.build.dockerfile).await?;
                let archive = git::archive(repository, id, built)?;
                Ok(bounded(dockerignore::filter(archive, ignore)))
            }
            // What was sent in is the folder that is built; who sent it has left out what is ignored.
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

/// Builders say it in words of their own, with paths of theirs.
async fn has_dockerfile(
    repository: &Repository,
    commit: &str,
    built: &str,
    dockerfile: &str,
) -> Result<()> {
    let path = tidy(&format!("{built}/{dockerfile}"));
    if git::has(repository, commit, &path).await? {
        return Ok(());
    }
    Err(Error::Source(format!(
        "there is no {path} in this commit: add it, or say where it is, with build = \"FOLDER\" under [service] \
         and dockerfile = \"NAME\" under [build] in {SETTINGS}"
    )))
}

/// What a commit's `.dockerignore` says.
async fn ignored(
    repository: &Repository,
    commit: &str,
    built: &str,
    dockerfile: &str,
) -> Result<Ignore> {
    for name in Ignore::files(dockerfile) {
        let path = format!("{built}/{name}");
        let found = git::file(repository, commit, &tidy(&path), LONGEST_SETTINGS).await?;
        let Some(text) = found else { continue };
        let text = String::from_utf8_lossy(&text).into_owned();
        return Ignore::parse(&text, dockerfile)
            .map_err(|error| Error::Source(format!("{name}: {error}")));
    }
    Ok(Ignore::default())
}

/// A path without the parts that lead nowhere.
fn tidy(path: &str) -> String {
    let parts = path.split('/').filter(|part| !matches!(*part, "" | "."));
    parts.collect::<Vec<_>>().join("/")
}

/// An archive that ends with an error when it is too large: a few kilobytes in a repository can be
/// terabytes of one and the same byte.
fn bounded(context: Context) -> Context {
    let mut length = 0_u64;
    context
        .map(move |piece| {
            let piece = piece?;
            length += piece.len() as u64;
            if length > LARGEST_CONTEXT {
                return Err(std::io::Error::other(
                    "what is to be built is larger than 16 GiB; leave out what is not needed, in .dockerignore",
                ));
            }
            Ok(piece)
        })
        .boxed()
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
