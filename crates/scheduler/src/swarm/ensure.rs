//! One pass over an environment's services.

use std::time::Instant;

use bollard::models::{Service, ServiceSpec, Task, TaskSpecPlacement, TaskState};
use launcher_model::{ServiceName, VersionNumber};

use super::names::Purpose;
use super::plan::{Attempt, Held, Step, Wanted, plan};
use super::spec::{Order, check, constraints};
use super::task::{self, ended};
use super::{Picture, Swarm, image, read};
use crate::identity::SERVE;
use crate::swarm::objects::Created;
use crate::{Ensured, Error, Placement, Result, labels};

/// How often a service is made again whose secrets were removed in between.
const TRIES: u32 = 3;

impl Swarm {
    pub(super) async fn ensure(&self, placement: &Placement) -> Result<Ensured> {
        let version = &placement.version;
        image::must_be_in_a_registry(&version.image)?;
        let picture = self.picture_since(Instant::now()).await?;
        let attempts = attempts(&picture, &version.service, version.number);
        let constraints = constraints(&version.spec, &picture.nodes, placement.avoid.iter())?;
        let wanted = Wanted {
            replicas: i64::from(placement.replicas),
            constraints: &constraints,
            avoid: &placement.avoid,
            released: &placement.released,
        };
        for step in plan(&attempts, &wanted) {
            Box::pin(self.carry_out(placement, &wanted, step)).await?;
        }
        // The Swarm replaces what dies; what it does is told as changes.
        Ok(Ensured::default())
    }

    async fn carry_out(
        &self,
        placement: &Placement,
        wanted: &Wanted<'_>,
        step: Step,
    ) -> Result<()> {
        match step {
            Step::Create { number } => self.create(placement, wanted, number).await,
            Step::Adjust { id } => {
                let credentials = self.credentials(&placement.version.image.reference);
                self.update_service(&id, credentials.as_ref(), |spec| {
                    adjust(spec, placement, wanted);
                })
                .await
            }
            Step::Remove { id } => self.delete_service(&id).await,
        }
    }

    async fn create(&self, placement: &Placement, wanted: &Wanted<'_>, number: u32) -> Result<()> {
        let mut tries = 0;
        loop {
            let files = self.files(&placement.version, &placement.variables).await?;
            let order = Order {
                version: &placement.version,
                variables: &placement.variables,
                purpose: Purpose::Serve(number),
                replicas: wanted.replicas,
                command: None,
                constraints: wanted.constraints.to_vec(),
                files: &files,
            };
            match self.make(&order).await {
                // The last environment that had them was removed after they had been looked for.
                Err(Error::Refused { why, .. })
                    if tries < TRIES && why.contains("secret") && why.contains("not found") =>
                {
                    tries += 1;
                }
                outcome => return outcome,
            }
        }
    }

    /// Makes a service, unless an earlier attempt has made it.
    pub(super) async fn make(&self, order: &Order<'_>) -> Result<()> {
        let spec = self.0.spec(order);
        let credentials = self.credentials(&order.version.image.reference);
        match self.create_service(&spec, credentials.as_ref()).await? {
            Created::Yes => Ok(()),
            Created::Taken => self.adopt(&spec).await,
        }
    }

    /// Leaves the service that holds a name, when it is the one that was to be made.
    async fn adopt(&self, spec: &ServiceSpec) -> Result<()> {
        let name = spec.name.as_deref().unwrap_or_default();
        let Some(there) = self.service(name).await? else {
            // It has just gone; the next pass finds the name free.
            return Ok(());
        };
        let labels = there.spec.and_then(|spec| spec.labels).unwrap_or_default();
        let same =
            spec.labels.iter().flatten().all(|(label, value)| labels.get(label) == Some(value));
        if same {
            return Ok(());
        }
        let why = format!(
            "the name {name} is taken by a service that is not ours: remove that one, or create it under another name"
        );
        Err(Error::Refused { doing: "creating a service", why })
    }
}

/// Changes what may be changed while containers run: the Swarm leaves those where they are that meet the new
/// constraints. The check is said again because it is not read back; without it all would be replaced.
fn adjust(spec: &mut ServiceSpec, asked: &Placement, wanted: &Wanted<'_>) {
    scale(spec, wanted.replicas);
    let task = spec.task_template.get_or_insert_default();
    let container = task.container_spec.get_or_insert_default();
    container.health_check = Some(check(&asked.version, true));
    let placement = task.placement.get_or_insert_with(TaskSpecPlacement::default);
    if placement.constraints.as_deref().unwrap_or_default() != wanted.constraints {
        placement.constraints = Some(wanted.constraints.to_vec());
    }
}

/// Changes how many containers a service shall have.
pub(super) fn scale(spec: &mut ServiceSpec, replicas: i64) {
    let mode = spec.mode.get_or_insert_default();
    mode.replicated.get_or_insert_default().replicas = Some(replicas);
}

/// The services of a version: those that take requests, or all.
pub(super) fn of_version<'a>(
    picture: &'a Picture,
    service: &ServiceName,
    version: VersionNumber,
) -> impl Iterator<Item = &'a Service> {
    let (service, version) = (service.to_string(), version.0.to_string());
    picture.services.iter().filter(move |found| {
        label(found, labels::SERVICE) == Some(&service)
            && label(found, labels::VERSION) == Some(&version)
    })
}

/// Whether a service takes requests.
pub(super) fn serves(service: &Service) -> bool {
    label(service, labels::ROLE) == Some(SERVE)
}

/// What a label of a service says.
pub(super) fn label<'a>(service: &'a Service, label: &str) -> Option<&'a str> {
    service.spec.as_ref()?.labels.as_ref()?.get(label).map(String::as_str)
}

fn attempts(picture: &Picture, service: &ServiceName, version: VersionNumber) -> Vec<Attempt> {
    let all = of_version(picture, service, version).filter(|found| serves(found));
    all.filter_map(|found| attempt(picture, found)).collect()
}

fn attempt(picture: &Picture, service: &Service) -> Option<Attempt> {
    let id = service.id.clone()?;
    let task = service.spec.as_ref()?.task_template.as_ref();
    let placement = task.and_then(|task| task.placement.as_ref());
    let constraints = placement.and_then(|placement| placement.constraints.clone());
    let tasks = picture.tasks.iter().filter(|task| task.service_id.as_ref() == Some(&id));
    Some(Attempt {
        number: label(service, labels::ATTEMPT)?.parse().ok()?,
        replicas: read::replicas(service),
        constraints: constraints.unwrap_or_default(),
        tasks: tasks
            .filter(|task| !ended(task) && task::wanted(task))
            .filter_map(|t| held(picture, t))
            .collect(),
        id,
    })
}

/// A task on a host that is down carries nothing, and the Swarm is about to replace it.
fn held(picture: &Picture, task: &Task) -> Option<Held> {
    let node = picture.nodes.iter().find(|node| node.id.is_some() && node.id == task.node_id);
    if node.is_some_and(read::is_down) {
        return None;
    }
    Some(Held {
        container: task::id(task)?.to_owned(),
        host: node.map(|node| read::host_name(node).to_owned()),
        runs: task::state(task) == TaskState::RUNNING,
    })
}
