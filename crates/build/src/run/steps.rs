//! The steps of a build, in their order.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::StreamExt;
use launcher_model::VersionNumber;
use launcher_model::build::{Build, StepKind};
use launcher_model::image::{Digest, ImageRef, ImageRepository, PinnedImage};
use launcher_model::service::{Jenkins, ServiceSpec};
use launcher_scheduler::{BuildOrder, Building, Output, Push, Pushing, TestRun};

use super::recorder::{Log, Outcome, Recorder};
use super::{fetch, jenkins, launch};
use crate::builds::Inner;
use crate::source::Source;
use crate::{Error, Result};

/// Everything, from the first step that is not done.
pub(super) async fn carry_out(inner: &Inner, recorder: &mut Recorder<'_>) -> Result<VersionNumber> {
    let build = recorder.build.clone();
    if let Some(image) = inner.made_elsewhere(build.id).await? {
        return Box::pin(launch_made(inner, recorder, &build, image)).await;
    }
    let source =
        Source::of(&build, inner.repositories.of(&build.service), inner.logs.folder(build.id))?;
    // What a server before this one has fetched is built, whatever the branch is at by now.
    let is_here = recorder.is_done(StepKind::Source);
    let reading = async |log: &Log<'_>| read(inner, &build, &source, is_here, log).await;
    let spec = recorder.step(StepKind::Source, reading).await?;
    let image = match &spec.jenkins {
        Some(jenkins) => Box::pin(made_by_jenkins(inner, recorder, &build, &spec, jenkins)).await?,
        None => Box::pin(made_here(inner, recorder, &build, &source, &spec)).await?,
    };
    launcher_fault::point("build.pushed");
    let version = recorder
        .step(StepKind::Launch, async |log| launch::launch(inner, &build, &spec, image, log).await)
        .await?;
    launcher_fault::point("build.launched");
    Ok(version)
}

/// An image that somebody else has made is launched with the settings that the service has.
async fn launch_made(
    inner: &Inner,
    recorder: &mut Recorder<'_>,
    build: &Build,
    image: String,
) -> Result<VersionNumber> {
    let known = inner.store.service(&build.service).await?;
    let spec = known.ok_or_else(|| Error::NoService(build.service.clone()))?.spec;
    let image = launch::Image::Named(image);
    recorder
        .step(StepKind::Launch, async |log| launch::launch(inner, build, &spec, image, log).await)
        .await
}

/// Built, tested and pushed on this server's engine.
async fn made_here(
    inner: &Inner,
    recorder: &mut Recorder<'_>,
    build: &Build,
    source: &Source,
    spec: &Arc<ServiceSpec>,
) -> Result<launch::Image> {
    let pushed = match build_image(inner, recorder, build, source, spec).await? {
        Made::Image(image) => {
            launcher_fault::point("build.built");
            test_image(inner, recorder, build, spec, &image).await?;
            launcher_fault::point("build.tested");
            push_image(inner, recorder, build, spec, image).await?
        }
        Made::Pushed(image) => image,
    };
    Ok(launch::Image::Pinned(pushed))
}

/// Built, tested and pushed by a job of Jenkins, under the commit's id.
async fn made_by_jenkins(
    inner: &Inner,
    recorder: &mut Recorder<'_>,
    build: &Build,
    spec: &ServiceSpec,
    settings: &Jenkins,
) -> Result<launch::Image> {
    if !recorder.is_done(StepKind::Build) {
        recorder
            .step(StepKind::Build, async |log| jenkins::run(inner, build, settings, log).await)
            .await?;
    }
    let (Some(repository), Some(commit)) = (&spec.service.image, &build.commit) else {
        return Err(Error::Source("[jenkins] needs [service] image, and a commit".to_owned()));
    };
    Ok(launch::Image::Named(format!("{repository}:{commit}")))
}

async fn read(
    inner: &Inner,
    build: &Build,
    source: &Source,
    is_here: bool,
    log: &Log<'_>,
) -> Result<Outcome<Arc<ServiceSpec>>> {
    let known = inner.store.service(&build.service).await?;
    let known = known.ok_or_else(|| Error::NoService(build.service.clone()))?.spec;
    if !is_here {
        fetch::fetch(inner, build, &known, log).await?;
    }
    let spec = match source.settings(&build.service).await? {
        Some(spec) => spec,
        None => {
            log.line("there is no launcher.toml in it: the settings of the service count").await;
            Arc::new(known)
        }
    };
    let commit = build.commit.as_deref().map_or("a working copy", short);
    let subject = build.subject.as_deref().map(|subject| format!(" {subject}")).unwrap_or_default();
    Ok(Outcome::new(spec, format!("{commit}{subject}")))
}

/// How far an image is.
enum Made {
    /// On the engine.
    Image(Digest),
    /// Where hosts get it from.
    Pushed(PinnedImage),
}

async fn build_image(
    inner: &Inner,
    recorder: &mut Recorder<'_>,
    build: &Build,
    source: &Source,
    spec: &Arc<ServiceSpec>,
) -> Result<Made> {
    if let Some(image) = &build.image {
        if recorder.is_done(StepKind::Push) {
            return Ok(Made::Pushed(image.clone()));
        }
        if recorder.is_done(StepKind::Build) {
            return Ok(Made::Image(image.digest.clone()));
        }
    }
    let order = BuildOrder {
        service: build.service.clone(),
        id: build.id,
        settings: Arc::new(spec.build.clone()),
        labels: labels(build),
        logins: inner.config.logins.clone(),
    };
    let image = recorder
        .step(StepKind::Build, async |log| {
            let context = source.context(spec).await?;
            let mut told = inner.builder.build(&order, context).await?;
            while let Some(item) = told.next().await {
                match item? {
                    Building::Line(line) => log.line(line).await,
                    Building::Built { image } => {
                        let note = format!("image {}", image.short());
                        let kept = by_id(&image);
                        return Ok(Outcome::new(image, note).with_image(kept));
                    }
                }
            }
            Err(Error::Step("the engine did not say how the build ended".to_owned()))
        })
        .await?;
    Ok(Made::Image(image))
}

/// What is said of an image by those who made it (the annotations of the OCI's image specification).
fn labels(build: &Build) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    if let Some(commit) = &build.commit {
        labels.insert("org.opencontainers.image.revision".to_owned(), commit.clone());
    }
    if let Some(branch) = &build.branch {
        labels.insert("org.opencontainers.image.ref.name".to_owned(), branch.clone());
    }
    labels
}

async fn test_image(
    inner: &Inner,
    recorder: &mut Recorder<'_>,
    build: &Build,
    spec: &ServiceSpec,
    image: &Digest,
) -> Result<()> {
    if recorder.is_done(StepKind::Test) {
        return Ok(());
    }
    recorder.step(StepKind::Test, async |log| test(inner, build, spec, image, log).await).await
}

async fn test(
    inner: &Inner,
    build: &Build,
    spec: &ServiceSpec,
    image: &Digest,
    log: &Log<'_>,
) -> Result<Outcome<()>> {
    let Some(command) = &spec.test.command else {
        return Ok(Outcome::skipped((), "there is no [test] command"));
    };
    let mut variables = spec.env.clone();
    variables.extend(spec.test.env.clone());
    let run = TestRun {
        service: build.service.clone(),
        id: build.id,
        image: image.clone(),
        command: command.clone(),
        variables,
        resources: spec.test.resources.clone(),
        timeout: spec.test.timeout.duration(),
    };
    let mut told = inner.builder.test(&run).await?;
    while let Some(item) = told.next().await {
        match item.map_err(explained)? {
            Output::Line(line) => log.line(line.text).await,
            Output::Exit { code: 0 } => return Ok(Outcome::new((), command.join(" "))),
            Output::Exit { code } => {
                let command = command.join(" ");
                return Err(Error::Step(format!("`{command}` exited with status {code}")));
            }
        }
    }
    Err(Error::Step("the engine did not say how the test ended".to_owned()))
}

/// What the engine refuses, in the words of a launcher.toml.
fn explained(error: launcher_scheduler::Error) -> Error {
    match error {
        launcher_scheduler::Error::NoProgram { program } => Error::Step(format!(
            "{program:?} of [test] command is not in the image that was built: name a program that is, or have \
             the Dockerfile put it there"
        )),
        error => error.into(),
    }
}

async fn push_image(
    inner: &Inner,
    recorder: &mut Recorder<'_>,
    build: &Build,
    spec: &ServiceSpec,
    image: Digest,
) -> Result<PinnedImage> {
    // From before it is pushed until the build's record has it, so that nobody removes the same image.
    let _using = match &spec.service.image {
        None => None,
        Some(repository) => Some(inner.control.use_images(&repository_of(repository)?).await?),
    };
    recorder
        .step(StepKind::Push, async |log| match &spec.service.image {
            None => {
                let why = "there is no [service] image: it stays on the engine";
                Ok(Outcome::skipped(by_id(&image), why))
            }
            Some(repository) => {
                let repository = repository_of(repository)?;
                let pushed = push(inner, &image, &repository, &first_tag(build), log).await?;
                let note = format!("{} ({})", pushed.requested, pushed.digest.short());
                Ok(Outcome::new(pushed.clone(), note).with_image(pushed))
            }
        })
        .await
}

fn repository_of(name: &str) -> Result<ImageRepository> {
    ImageRepository::new(name).map_err(|error| Error::Source(error.to_string()))
}

/// Pushes an image under one tag.
pub(super) async fn push(
    inner: &Inner,
    image: &Digest,
    repository: &ImageRepository,
    tag: &str,
    log: &Log<'_>,
) -> Result<PinnedImage> {
    let to = ImageRef::Tag(repository.clone(), tag.to_owned());
    let login = inner.config.logins.get(repository.registry().unwrap_or("docker.io"));
    let push = Push { image: image.clone(), to: to.clone() };
    let mut told = inner.builder.push(&push, login).await?;
    while let Some(item) = told.next().await {
        match item? {
            Pushing::Line(line) => log.line(line).await,
            Pushing::Pushed { digest } => {
                let reference = ImageRef::Digest(repository.clone(), digest.clone());
                return Ok(PinnedImage { requested: to, reference, digest });
            }
        }
    }
    Err(Error::Step("the engine did not say how the push ended".to_owned()))
}

/// The tag under which an image is pushed before its version has a number.
fn first_tag(build: &Build) -> String {
    build.commit.as_deref().map_or_else(|| format!("build-{}", build.id), |id| short(id).to_owned())
}

/// As much of a commit's id as people read.
pub(crate) fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

fn by_id(image: &Digest) -> PinnedImage {
    let reference = ImageRef::Id(image.clone());
    PinnedImage { requested: reference.clone(), reference, digest: image.clone() }
}
