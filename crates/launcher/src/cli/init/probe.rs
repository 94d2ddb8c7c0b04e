//! What an image answers: it is built, run once as an environment would run it, asked, and removed again.

mod ask;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use jiff::Timestamp;
use launcher_model::container::{Container, ContainerPhase};
use launcher_model::image::{Digest, ImageRef, PinnedImage};
use launcher_model::service::ServiceSpec;
use launcher_model::version::Version;
use launcher_model::{BuildId, ServiceName, VersionNumber};
use launcher_scheduler::docker::{Config, Docker};
use launcher_scheduler::{BuildOrder, Builder, Building, Error, LogOptions, Placement, Scheduler};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

use super::dockerfile::Facts;
use crate::cli::Failure;
use crate::cli::output::say;
use crate::cli::pack::{Folder, Packing};
use crate::cli::progress::Progress;
use crate::cli::working_copy;
use ask::{Heard, Questions};

/// How long an application may take until it answers.
const PATIENCE: Duration = Duration::from_secs(10);
/// From one round of questions to the next.
const ROUND: Duration = Duration::from_millis(200);
/// So long it has between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(1);
/// So many of its last lines are told.
const LAST: u32 = 10;
/// The number of the only version of the trial.
const NUMBER: VersionNumber = VersionNumber(1);

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    /// It takes connections.
    Listens {
        /// Where.
        port: u16,
        /// A path that answers 2xx, and with what.
        path: Option<(String, u16)>,
    },
    /// It runs, and takes none.
    Silent,
    /// It ended by itself.
    Ended {
        /// Its exit status.
        code: i64,
        /// What it printed at last.
        last: Vec<String>,
    },
    /// It could not be tried.
    Untried(String),
}

/// An engine with what is to be tried on it.
struct Trial {
    docker: Docker,
    service: ServiceName,
    spec: ServiceSpec,
    image: Mutex<Option<Digest>>,
}

/// Tries what is in a folder.
///
/// # Errors
/// When it was interrupted. What cannot be tried is no error, but told.
pub(super) async fn probe(
    folder: &Path,
    spec: &ServiceSpec,
    facts: &Facts,
) -> Result<Seen, Failure> {
    let docker = match connect().await {
        Ok(docker) => docker,
        Err(error) => return Ok(Seen::Untried(error.to_string())),
    };
    let (service, spec) = (spec.service.name.clone(), spec.clone());
    let trial = Trial { docker, service, spec, image: Mutex::default() };
    let packed = working_copy::context(folder, &trial.spec.build.dockerfile)?;
    let seen = tokio::select! {
        seen = trial.see(packed, facts) => Ok(seen),
        interrupted = interrupted() => Err(interrupted),
    };
    if let Err(error) = trial.clean().await {
        say(&format!("what was tried could not be removed: {error}"));
    }
    seen.map(|seen| seen.unwrap_or_else(|error| Seen::Untried(error.to_string())))
}

async fn connect() -> Result<Docker, Error> {
    let mut config = Config::new(format!("init-{:016x}", rand::random::<u64>()));
    if let Some(host) = std::env::var("LAUNCHER_DOCKER_HOST").ok().filter(|host| !host.is_empty()) {
        config.host = host;
    }
    let docker = Docker::connect(config)?;
    docker.hosts().await?;
    Ok(docker)
}

async fn interrupted() -> Failure {
    let handler = |kind| signal(kind).map_err(Failure::io("handle signals"));
    let (mut interrupt, mut terminate) =
        match (handler(SignalKind::interrupt()), handler(SignalKind::terminate())) {
            (Ok(interrupt), Ok(terminate)) => (interrupt, terminate),
            (Err(failure), _) | (_, Err(failure)) => return failure,
        };
    let status = tokio::select! {
        _ = interrupt.recv() => 130,
        _ = terminate.recv() => 143,
    };
    say("interrupted; nothing was written, and what was tried is being removed");
    Failure::Ended(status)
}

impl Trial {
    async fn see(&self, folder: Folder, facts: &Facts) -> Result<Seen, Error> {
        let image = self.build(folder).await?;
        let _shown = Progress::begin("asking it for a path that answers".to_owned());
        self.docker.ensure(&self.placement(&image)).await?;
        let questions = Questions::of(facts);
        let deadline = Instant::now() + PATIENCE;
        let mut last = None;
        loop {
            let Some(container) = self.docker.observe(Some(&self.service)).await?.pop() else {
                return Ok(Seen::Untried("its container is gone".to_owned()));
            };
            if let Some(ended) = self.ended(&container).await? {
                return Ok(ended);
            }
            let late = Instant::now() >= deadline;
            if let Some(address) = container.address.map(|address| address.ip()) {
                let heard = questions.ask(address, late).await;
                let heard = heard.map(|Heard { port, path }| Seen::Listens { port, path });
                if matches!(heard, Some(Seen::Listens { path: Some(_), .. })) {
                    last = heard;
                    break;
                }
                last = heard.or(last);
            }
            if late {
                break;
            }
            tokio::time::sleep(ROUND).await;
        }
        Ok(last.unwrap_or(Seen::Silent))
    }

    async fn build(&self, folder: Folder) -> Result<Digest, Error> {
        let shown = Progress::begin("building the image".to_owned());
        shown.say("building the image, to see what it answers; --no-probe leaves that out");
        let order = BuildOrder {
            service: self.service.clone(),
            id: BuildId(1),
            settings: Arc::new(self.spec.build.clone()),
            labels: Default::default(),
            logins: Default::default(),
        };
        let Packing { pieces, end: _ } = folder.pack();
        let mut told = self.docker.build(&order, pieces.boxed()).await?;
        while let Some(item) = told.next().await {
            match item? {
                Building::Line(line) => shown.show(launcher_build::clean(&line)),
                Building::Built { image } => {
                    let mut known = self.image.lock().unwrap_or_else(PoisonError::into_inner);
                    *known = Some(image.clone());
                    return Ok(image);
                }
            }
        }
        Err(Error::Context("the engine did not say how the build ended".to_owned()))
    }

    fn placement(&self, image: &Digest) -> Placement {
        let now = Timestamp::now();
        let version = Version {
            service: self.service.clone(),
            number: NUMBER,
            image: by_id(image),
            spec: self.spec.clone(),
            secrets: Default::default(),
            commit: None,
            branch: None,
            subject: None,
            author: None,
            created_at: now,
            created_by: "init".to_owned(),
        };
        let variables = Arc::new(Vec::new());
        Placement {
            version: Arc::new(version),
            replicas: 1,
            since: now,
            variables,
            avoid: Arc::default(),
            released: BTreeSet::new(),
        }
    }

    async fn ended(&self, container: &Container) -> Result<Option<Seen>, Error> {
        match &container.phase {
            ContainerPhase::Exited { code, .. } => {
                let options = LogOptions { tail: Some(LAST), ..LogOptions::default() };
                let lines = self.docker.logs(&container.id, options).await?;
                let lines = lines.filter_map(async |line| line.ok().map(|line| line.text));
                Ok(Some(Seen::Ended { code: *code, last: lines.collect().await }))
            }
            ContainerPhase::Unstartable { why } => Ok(Some(Seen::Untried(why.clone()))),
            ContainerPhase::Waiting { .. }
            | ContainerPhase::Created
            | ContainerPhase::Running { .. }
            | ContainerPhase::Lost { .. } => Ok(None),
        }
    }

    /// Removes the container and the image.
    async fn clean(&self) -> Result<(), Error> {
        self.docker.remove(&self.service, NUMBER, GRACE).await?;
        let image = self.image.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match image {
            Some(image) => self.docker.forget_image(&by_id(&image)).await,
            None => Ok(()),
        }
    }
}

fn by_id(image: &Digest) -> PinnedImage {
    let reference = ImageRef::Id(image.clone());
    PinnedImage { requested: reference.clone(), reference, digest: image.clone() }
}
