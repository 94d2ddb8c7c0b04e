//! What a build is made of: the settings in it, and the files that go into its image.

use std::sync::Arc;

use launcher_model::ServiceName;
use launcher_model::build::Build;
use launcher_model::service::{ServiceSpec, read};
use launcher_scheduler::Context;

use crate::git::{self, Repository};
use crate::{Error, Result};

/// The file with a service's settings, in the topmost folder.
const SETTINGS: &str = "launcher.toml";
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
}

impl Source {
    /// The source of a build.
    pub(crate) fn of(build: &Build, repository: Repository) -> Result<Self> {
        match &build.commit {
            Some(id) => Ok(Self::Commit { repository, id: id.clone() }),
            None => Err(Error::Source("the build names no commit".to_owned())),
        }
    }

    /// The settings that are in the source; those that the service has when there are none in it.
    pub(crate) async fn settings(
        &self,
        service: &ServiceName,
        known: ServiceSpec,
    ) -> Result<Arc<ServiceSpec>> {
        let Self::Commit { repository, id } = self;
        let Some(text) = git::file(repository, id, SETTINGS, LONGEST_SETTINGS).await? else {
            return Ok(Arc::new(known));
        };
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
        let Self::Commit { repository, id } = self;
        let folder = folder(spec)?;
        git::archive(repository, id, folder)
    }
}

/// The folder that is built.
fn folder(spec: &ServiceSpec) -> Result<&str> {
    spec.service.build.as_deref().ok_or_else(|| {
        Error::Source(format!(
            "nothing says what to build: write build = \".\" under [service] in {SETTINGS}, beside a Dockerfile"
        ))
    })
}
