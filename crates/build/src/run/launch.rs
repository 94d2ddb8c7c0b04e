//! The last step: an image becomes a version, and its environment ready.

use launcher_control::LaunchRequest;
use launcher_model::VersionNumber;
use launcher_model::build::Build;
use launcher_model::environment::{Environment, EnvironmentState, Wanted};
use launcher_model::image::{ImageRef, PinnedImage};
use launcher_model::service::ServiceSpec;
use tokio::sync::broadcast::error::RecvError;

use super::recorder::{Log, Outcome};
use crate::builds::Inner;
use crate::{Error, Result};

/// Which image.
pub(super) enum Image {
    /// This one.
    Pinned(PinnedImage),
    /// Whatever the registry has under this name.
    Named(String),
}

pub(super) async fn launch(
    inner: &Inner,
    build: &Build,
    spec: &ServiceSpec,
    image: Image,
    log: &Log<'_>,
) -> Result<Outcome<VersionNumber>> {
    let service = &build.service;
    if build.branch.as_deref().is_some_and(|branch| spec.branches.is_production(branch)) {
        // What production follows says how the service is from now on.
        inner.control.put_service(spec, &build.by).await?;
    }
    let (image, pinned) = match image {
        Image::Pinned(image) => (None, Some(image)),
        Image::Named(name) => (Some(name), None),
    };
    // What was said of the commit may have come with its source.
    let told = inner.store.build(build.id).await?;
    let (subject, author) = told.map(|told| (told.subject, told.author)).unwrap_or_default();
    let request = LaunchRequest {
        image,
        pinned: pinned.clone(),
        commit: build.commit.clone(),
        branch: build.branch.clone(),
        subject,
        author,
        spec: Some(spec.clone()),
        build: Some(build.id),
        ..LaunchRequest::new(service.clone(), &build.by)
    };
    let (version, _) = inner.control.launch(request).await?;
    let number = version.number;
    log.line(format!("{number} is launched")).await;
    let (named, ready) =
        tokio::join!(name(inner, pinned.as_ref(), number), ready(inner, build, number, log));
    if let Err(error) = named {
        // It is in the registry under its commit all the same.
        log.line(format!("the image could not be tagged {number} too: {error}")).await;
    }
    ready?;
    Ok(Outcome::new(number, format!("{number} is ready")))
}

/// Gives an image that was pushed from here the version's number as another tag.
async fn name(inner: &Inner, image: Option<&PinnedImage>, number: VersionNumber) -> Result<()> {
    let Some(ImageRef::Digest(repository, digest)) = image.map(|image| &image.reference) else {
        return Ok(());
    };
    Ok(inner.registry.tag(repository, digest, &number.to_string()).await?)
}

/// Waits until a version's environment is ready.
async fn ready(inner: &Inner, build: &Build, number: VersionNumber, log: &Log<'_>) -> Result<()> {
    let mut events = inner.store.watch();
    loop {
        let environment = inner.store.environment(&build.service, number).await?;
        let Some(environment) = environment else {
            return Err(Error::Step(format!("{number} is gone")));
        };
        match environment.state {
            EnvironmentState::Ready => return Ok(()),
            EnvironmentState::Failed => return Err(failed(&environment, log).await),
            _ if environment.wanted != Wanted::Running => {
                return Err(Error::Step(format!("{number} was stopped before it was ready")));
            }
            _ => {}
        }
        loop {
            match events.recv().await {
                Ok(event) if event.service.as_ref() == Some(&build.service) => break,
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => break,
                Err(RecvError::Closed) => {
                    return Err(Error::Step("the server is ending".to_owned()));
                }
            }
        }
    }
}

async fn failed(environment: &Environment, log: &Log<'_>) -> Error {
    let number = environment.version;
    let Some(failure) = &environment.failure else {
        return Error::Step(format!("{number} has failed"));
    };
    for line in &failure.log {
        log.line(line.clone()).await;
    }
    Error::Step(format!("{number} has failed: {}", failure.reason))
}
