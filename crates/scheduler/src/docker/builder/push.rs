//! Pushing an image to a registry.

use std::time::Duration;

use bollard::auth::DockerCredentials;
use bollard::query_parameters::{PushImageOptionsBuilder, TagImageOptionsBuilder};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use launcher_model::image::{Digest, ImageRef, ImageRepository};
use launcher_registry::Place;
use tokio::sync::mpsc;

use super::super::Engine;
use super::super::connection::{Call, is_missing};
use super::super::image::{Source, credentials, inspect, is_same_repository};
use super::telling;
use crate::{Error, Push, Pushing, RegistryLogin, Result};

pub(super) async fn push(
    engine: &Engine,
    push: &Push,
    login: Option<&RegistryLogin>,
) -> Result<BoxStream<'static, Result<Pushing>>> {
    let ImageRef::Tag(repository, tag) = &push.to else {
        let why = "an image is pushed under a repository and a tag".to_owned();
        return Err(Error::Push { to: push.to.to_string(), why });
    };
    let call = engine.connection.call("pushing an image").await?.patient(engine.silence);
    let work = Work {
        image: push.image.clone(),
        repository: repository.clone(),
        tag: tag.clone(),
        login: login.cloned(),
        silence: engine.silence,
        call,
    };
    Ok(telling(|to| async move { work.run(&to).await }))
}

struct Work {
    call: Call,
    image: Digest,
    repository: ImageRepository,
    tag: String,
    login: Option<RegistryLogin>,
    silence: Duration,
}

impl Work {
    async fn run(&self, to: &mpsc::Sender<Result<Pushing>>) -> Result<Pushing> {
        self.name().await?;
        launcher_fault::point("docker.image_tagged");
        let credentials: Option<DockerCredentials> =
            self.login.as_ref().map(|login| credentials(login, &self.repository));
        let options = PushImageOptionsBuilder::new().tag(&self.tag).build();
        let told = self.call.api.push_image(self.repository.as_str(), Some(options), credentials);
        let mut told = std::pin::pin!(told);
        let (mut digest, mut progress) = (None, Progress::default());
        loop {
            let piece = match tokio::time::timeout(self.silence, told.next()).await {
                Err(_elapsed) => return Err(self.hangs()),
                Ok(None) => break,
                Ok(Some(piece)) => piece.map_err(|error| self.fail(error))?,
            };
            let status = piece.status.unwrap_or_default();
            digest = digest.or_else(|| read_digest(&status));
            for line in progress.take(&status) {
                let _ = to.send(Ok(Pushing::Line(line))).await;
            }
        }
        let digest = match digest {
            Some(digest) => digest,
            None => self.known_digest().await?,
        };
        launcher_fault::point("docker.image_pushed");
        Ok(Pushing::Pushed { digest })
    }

    /// Gives the image its name in the registry. It keeps it: the engine forgets an image's digest with its
    /// last name, and the version that is launched by that digest would be pulled again.
    async fn name(&self) -> Result<()> {
        let options =
            TagImageOptionsBuilder::new().repo(self.repository.as_str()).tag(&self.tag).build();
        match self.call.api.tag_image(self.image.as_str(), Some(options)).await {
            Ok(()) => Ok(()),
            Err(error) if is_missing(&error) => {
                let why = "the engine has it no more: build it again".to_owned();
                Err(Error::Image { image: self.image.to_string(), why })
            }
            Err(error) => Err(self.call.fail(error)),
        }
    }

    async fn known_digest(&self) -> Result<Digest> {
        let told = inspect(&self.call, &ImageRef::Id(self.image.clone())).await?;
        let names = told.and_then(|told| told.repo_digests).unwrap_or_default();
        let found = names.iter().find_map(|name| {
            let (name, digest) = name.split_once('@')?;
            is_same_repository(name, &self.repository).then(|| Digest::new(digest).ok())?
        });
        found.ok_or_else(|| self.refused("the engine does not tell its digest".to_owned()))
    }

    fn to(&self) -> String {
        format!("{}:{}", self.repository, self.tag)
    }

    fn refused(&self, why: String) -> Error {
        Error::Push { to: self.to(), why }
    }

    fn hangs(&self) -> Error {
        let place = Place::of(&self.repository);
        let registry = place.shown();
        self.refused(format!(
            "{registry} was silent for {} s: see whether it is well, and build again",
            self.silence.as_secs_f64()
        ))
    }

    fn fail(&self, error: bollard::errors::Error) -> Error {
        match self.call.fail(error) {
            Error::Refused { why, .. } => {
                let place = Place::of(&self.repository);
                let source = Source { place, login: self.login.as_ref() };
                self.refused(source.push_advice(&why))
            }
            other => other,
        }
    }
}

/// `1.2: digest: sha256:… size: 528`
fn read_digest(status: &str) -> Option<Digest> {
    let (_tag, rest) = status.split_once("digest: ")?;
    Digest::new(rest.split_whitespace().next()?).ok()
}

/// What is told of a push: its beginning, its end, the layers in one line, and trouble on the way; nothing
/// for each percent.
#[derive(Default)]
struct Progress {
    pushed: usize,
    there: usize,
    retries: bool,
}

impl Progress {
    fn take(&mut self, status: &str) -> Vec<String> {
        match status {
            "Preparing" | "Waiting" | "Pushing" => Vec::new(),
            "Pushed" => {
                self.pushed += 1;
                Vec::new()
            }
            "Layer already exists" => {
                self.there += 1;
                Vec::new()
            }
            _ if status.starts_with("Mounted from") => {
                self.there += 1;
                Vec::new()
            }
            // Counts down in seconds.
            _ if status.starts_with("Retrying in") => {
                let told = std::mem::replace(&mut self.retries, true);
                if told {
                    Vec::new()
                } else {
                    vec!["the registry failed once; retrying".to_owned()]
                }
            }
            _ if read_digest(status).is_some() => vec![self.layers(), status.to_owned()],
            _ => vec![status.to_owned()],
        }
    }

    fn layers(&self) -> String {
        format!("{} layers pushed, {} were there", self.pushed, self.there)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_push_is_told_in_few_lines() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let end = format!("1.2: digest: {digest} size: 528");
        let statuses = [
            "The push refers to repository [r/shop]",
            "Preparing",
            "Pushing",
            "Layer already exists",
            "Retrying in 5 seconds",
            "Retrying in 4 seconds",
            "Pushing",
            "Pushed",
            &end,
        ];
        let mut progress = Progress::default();
        let lines: Vec<_> = statuses.iter().flat_map(|status| progress.take(status)).collect();
        assert_eq!(
            lines,
            [
                "The push refers to repository [r/shop]",
                "the registry failed once; retrying",
                "1 layers pushed, 1 were there",
                &end
            ]
        );
        assert_eq!(read_digest(&end), Digest::new(digest).ok());
    }
}
