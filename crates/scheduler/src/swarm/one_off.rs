//! One-off containers: a version's release command, and commands of people. Each is a service of its own
//! with one task that is not started again.

use std::time::Duration;

use bollard::models::{ServiceSpec, Task, TaskState};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use jiff::Timestamp;
use rand::RngExt;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::ensure::{label, scale};
use super::names::{Purpose, service_name};
use super::spec::{Order, constraints};
use super::task::{self, ended, made, state};
use super::{Swarm, image, why};
use crate::docker::observe::plain_words;
use crate::identity::RUN;
use crate::runs::{RunGuard, tell};
use crate::{Error, OneOff, OneOffRole, Output, Result, labels};

/// How long a host may take to be found, to pull the image, and to start the container.
const START: Duration = Duration::from_secs(300);
/// How often is looked how far the task is.
const LOOK: Duration = Duration::from_millis(200);
/// The label of a service whose command took too long, and was killed for it.
const OVERDUE: &str = "launcher.swarm.overdue";

/// Starts a one-off container, or joins it, and tells what it prints and how it ends.
pub(super) async fn run(
    swarm: &Swarm,
    one_off: &OneOff,
) -> Result<BoxStream<'static, Result<Output>>> {
    let version = &one_off.version;
    image::must_be_in_a_registry(&version.image)?;
    let purpose = match one_off.role {
        OneOffRole::Release => Purpose::Release,
        OneOffRole::Run => Purpose::Run(format!("{:08x}", rand::rng().random::<u32>())),
    };
    let name = service_name(&swarm.0.installation, &version.service, version.number, &purpose);
    let guard = (one_off.role == OneOffRole::Run).then(|| guarded(swarm, name.clone()));
    let files = swarm.files(version, &one_off.variables).await?;
    let order = Order {
        version,
        variables: &one_off.variables,
        purpose,
        replicas: 1,
        command: Some(&one_off.command),
        constraints: constraints(&version.spec, &swarm.picture().await?.nodes, std::iter::empty())?,
        files: &files,
    };
    swarm.make(&order).await?;
    let follower = Follower {
        swarm: swarm.clone(),
        name,
        command: one_off.command.join(" "),
        timeout: one_off.timeout,
    };
    Ok(tell(async move |to| Box::pin(follower.follow(&to)).await, guard))
}

/// Removes the service of a person's command when nobody listens to it any more.
fn guarded(swarm: &Swarm, name: String) -> RunGuard {
    let (discarding, own) = (swarm.clone(), name.clone());
    swarm.0.runs.guard(name, async move { discarding.delete_own(&own).await })
}

/// Tells what a one-off container prints, and kills it when its time is over.
struct Follower {
    swarm: Swarm,
    name: String,
    command: String,
    timeout: Duration,
}

impl Follower {
    /// Passes on what the container prints, and gives its exit status.
    async fn follow(&self, to: &mpsc::Sender<Result<Output>>) -> Result<i64> {
        let begun = self.begun().await?;
        let id = begun.id.clone().unwrap_or_default();
        let mut log = self.swarm.follow(id.clone(), None);
        let deadline = Instant::now() + self.remaining(&begun);
        let told = async {
            while let Some(line) = log.next().await {
                // Nobody listens: the caller sees that too, and ends this.
                let _ = to.send(Ok(Output::Line(line?))).await;
            }
            self.exit(&id).await
        };
        match tokio::time::timeout_at(deadline, told).await {
            Ok(outcome) => outcome,
            Err(_elapsed) => Err(self.kill().await?),
        }
    }

    /// The task, once its program runs, or is over.
    async fn begun(&self) -> Result<Task> {
        let patience = Instant::now() + START.max(self.timeout);
        loop {
            let Some(service) = self.swarm.service(&self.name).await? else {
                return Err(Error::NoContainer(self.name.clone()));
            };
            if label(&service, OVERDUE).is_some() {
                return Err(self.overdue());
            }
            let task = self.task(service.id.as_deref()).await?;
            match task {
                Some(task) if state(&task) == TaskState::RUNNING || ended(&task) => {
                    return self.startable(task);
                }
                Some(task) if Instant::now() >= patience => {
                    let why = why::waits(&task);
                    let why =
                        why.unwrap_or_else(|| "its host has not started it in time".to_owned());
                    return Err(Error::Refused { doing: "starting a one-off container", why });
                }
                _ => tokio::time::sleep(LOOK).await,
            }
        }
    }

    fn startable(&self, task: Task) -> Result<Task> {
        let failed = matches!(state(&task), TaskState::FAILED | TaskState::REJECTED);
        if !failed || task::was_started(&task) {
            return Ok(task);
        }
        let words = task::trouble(&task).unwrap_or("its host gives no reason");
        let why = plain_words(words).to_owned();
        Err(Error::Refused { doing: "starting a one-off container", why })
    }

    /// The one task of the service: the first, whatever may have come after it.
    async fn task(&self, service: Option<&str>) -> Result<Option<Task>> {
        let picture = self.swarm.picture_since(std::time::Instant::now()).await?;
        let own = picture.tasks.iter().filter(|task| task.service_id.as_deref() == service);
        Ok(own.min_by_key(|task| made(task)).cloned())
    }

    /// What is left of the time that the container was given, counted from its start.
    fn remaining(&self, task: &Task) -> Duration {
        let elapsed =
            Timestamp::now().duration_since(task::stamp(task).unwrap_or_else(|| made(task)));
        if ended(task) {
            return self.timeout;
        }
        self.timeout.saturating_sub(elapsed.try_into().unwrap_or_default())
    }

    async fn exit(&self, id: &str) -> Result<i64> {
        loop {
            let picture = self.swarm.picture_since(std::time::Instant::now()).await?;
            let task = picture.tasks.iter().find(|task| task.id.as_deref() == Some(id));
            match task {
                None if self.is_overdue().await? => return Err(self.overdue()),
                None => return Err(Error::NoContainer(self.name.clone())),
                Some(task) if state(task) == TaskState::ORPHANED => {
                    let why = "its host is lost, and how it ended is not known".to_owned();
                    return Err(Error::Refused { doing: "running a one-off container", why });
                }
                Some(task) if ended(task) => return Ok(task::exit_code(task).unwrap_or(-1)),
                Some(_) => tokio::time::sleep(LOOK).await,
            }
        }
    }

    /// Ends the command. That it took too long is written down with the same step, so that whoever joins
    /// later comes to the same verdict.
    async fn kill(&self) -> Result<Error> {
        let overdue = |spec: &mut ServiceSpec| {
            scale(spec, 0);
            spec.labels.get_or_insert_default().insert(OVERDUE.to_owned(), "true".to_owned());
        };
        self.swarm.update_service(&self.name, None, overdue).await?;
        Ok(self.overdue())
    }

    async fn is_overdue(&self) -> Result<bool> {
        let service = self.swarm.service(&self.name).await?;
        Ok(service.is_some_and(|service| label(&service, OVERDUE).is_some()))
    }

    fn overdue(&self) -> Error {
        Error::Overdue { command: self.command.clone(), after: self.timeout }
    }
}

impl Swarm {
    /// Removes a service of that name, if it is this installation's.
    async fn delete_own(&self, name: &str) -> Result<()> {
        let Some(service) = self.service(name).await? else { return Ok(()) };
        if label(&service, labels::INSTALLATION) != Some(self.0.installation.as_str()) {
            return Ok(());
        }
        self.delete_service(service.id.as_deref().unwrap_or(name)).await
    }

    /// Removes the services of people's commands that a process which is no more has left behind.
    pub(super) async fn sweep_runs(&self) {
        let picture = match self.picture_since(std::time::Instant::now()).await {
            Ok(picture) => picture,
            Err(error) => return tracing::warn!(%error, "one-off services cannot be listed"),
        };
        for service in picture.services.iter() {
            let name = service.spec.as_ref().and_then(|spec| spec.name.as_deref());
            let (Some(id), Some(name)) = (service.id.as_deref(), name) else { continue };
            if label(service, labels::ROLE) != Some(RUN) || self.0.runs.contain(name) {
                continue;
            }
            if let Err(error) = self.delete_service(id).await {
                tracing::warn!(%name, %error, "a one-off service is left for later");
            }
        }
    }
}
