//! Creating and starting one container, whatever an earlier attempt has left behind.

use std::time::Duration;

use bollard::models::{ContainerCreateBody, ContainerInspectResponse, ContainerState};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, InspectContainerOptions, StartContainerOptions,
};

use super::Engine;
use super::connection::{Call, is_leaving, is_missing, is_trouble, refusal};
use super::halt::discard;
use super::observe::{labels_of, plain_words};
use crate::{Error, Result, labels};

/// How often a name that is taken is tried again while nobody is seen to hold it.
const TRIES: u32 = 20;
/// The engine holds a name from a little before until a little after its container is there.
const HOLD: Duration = Duration::from_millis(50);

/// A container that is there.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) id: String,
    /// How far an earlier attempt had come with it; none when it is new.
    pub(super) found: Option<ContainerState>,
}

impl Made {
    /// Whether it was never started.
    pub(super) fn is_unstarted(&self) -> bool {
        let Some(state) = &self.found else { return true };
        state.running != Some(true)
            && state.started_at.as_deref().and_then(super::observe::time).is_none()
    }
}

impl Engine {
    /// Creates a container, or takes the one of that name when it is the same.
    pub(super) async fn create(
        &self,
        call: &Call,
        name: &str,
        body: &ContainerCreateBody,
    ) -> Result<Made> {
        for _ in 0..TRIES {
            let options = CreateContainerOptionsBuilder::new().name(name).build();
            match call.api.create_container(Some(options), body.clone()).await {
                Ok(created) => {
                    launcher_fault::point("docker.container_created");
                    return Ok(Made { id: created.id, found: None });
                }
                Err(error) if is_missing(&error) => return Err(no_image(&error, body)),
                Err(error) if !is_taken(&error) => return Err(call.fail(error)),
                Err(_) => {}
            }
            if let Some(made) = self.adopt(call, name, body).await? {
                return Ok(made);
            }
            tokio::time::sleep(HOLD).await;
        }
        let why = format!("the engine says that the name {name} is taken, but shows no container");
        Err(Error::Refused { doing: "creating a container", why })
    }

    /// The container that holds a name, when it is the one that `body` asks for.
    async fn adopt(
        &self,
        call: &Call,
        name: &str,
        body: &ContainerCreateBody,
    ) -> Result<Option<Made>> {
        let told = match call.api.inspect_container(name, None::<InspectContainerOptions>).await {
            Ok(told) => told,
            Err(error) if is_missing(&error) => return Ok(None),
            Err(error) => return Err(call.fail(error)),
        };
        if is_same(&told, body) {
            return Ok(told.id.map(|id| Made { id, found: told.state }));
        }
        let why = format!(
            "the name {name} is taken by a container that is not ours: rename that one, or remove it"
        );
        Err(Error::Refused { doing: "creating a container", why })
    }
}

/// Whether a container bears the labels that another one shall have. How many failed before it may have
/// been counted anew in between.
fn is_same(told: &ContainerInspectResponse, body: &ContainerCreateBody) -> bool {
    let (Some(there), Some(wanted)) = (labels_of(told), &body.labels) else { return false };
    wanted
        .iter()
        .filter(|(label, _)| *label != labels::FAILURES)
        .all(|(label, value)| there.get(label) == Some(value))
}

fn is_taken(error: &bollard::errors::Error) -> bool {
    refusal(error).is_some_and(|(status, _)| status == 409)
}

fn no_image(error: &bollard::errors::Error, body: &ContainerCreateBody) -> Error {
    let why = refusal(error).map(|(_, message)| message.to_owned()).unwrap_or_default();
    Error::Image { image: body.image.clone().unwrap_or_default(), why }
}

/// How a start went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Started {
    /// It runs, or ran.
    Yes,
    /// It is gone, or going.
    Gone,
    /// The engine could not start it, in its words; observed as unstartable from now on.
    Refused(String),
}

/// Starts a container; one that runs is left alone.
pub(super) async fn start(call: &Call, id: &str) -> Result<Started> {
    let outcome = match call.api.start_container(id, None::<StartContainerOptions>).await {
        Ok(()) => Started::Yes,
        Err(error) if is_leaving(&error) || is_gone(&error) => Started::Gone,
        Err(error) => {
            // The engine may stumble over what it has left of this one itself; a new one has nothing left.
            if refusal(&error).is_some_and(|(_, words)| is_trouble(words)) {
                discard(call, id).await?;
            }
            match call.fail(error) {
                Error::Refused { why, .. } => Started::Refused(plain_words(&why).to_owned()),
                other => return Err(other),
            }
        }
    };
    launcher_fault::point("docker.container_started");
    Ok(outcome)
}

/// A missing command is answered like a missing container.
fn is_gone(error: &bollard::errors::Error) -> bool {
    is_missing(error)
        && refusal(error).is_some_and(|(_, message)| message.contains("No such container"))
}
