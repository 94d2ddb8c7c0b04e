//! The test of an image: a command in a container and a network of its own.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bollard::models::{ContainerCreateBody, HostConfig, NetworkCreateRequest};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use launcher_model::BuildId;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::super::Engine;
use super::super::body::no_check;
use super::super::connection::Call;
use super::super::create::{Started, start};
use super::super::follow::{BUFFER, Follower};
use crate::identity::BuildIdentity;
use crate::{Error, Output, Result, TestRun};

const DOING: &str = "running a test";

pub(super) async fn run(
    engine: Arc<Engine>,
    test: &TestRun,
) -> Result<BoxStream<'static, Result<Output>>> {
    let call = engine.connection.call(DOING).await?;
    let identity = BuildIdentity { service: test.service.clone(), id: test.id };
    let under_way = UnderWay::begin(&engine, test.id);
    let trial = Trial { engine, call, identity, test: test.clone() };
    let (to, output) = mpsc::channel(BUFFER);
    // Nothing of it is dropped half-way, so that what it has made is also removed.
    tokio::spawn(async move {
        let outcome = trial.run(&to).await;
        let cleared = trial.clear().await;
        if let Err(error) = &cleared {
            tracing::warn!(service = %trial.identity.service, build = %trial.identity.id, %error, "what a test has left stays for later");
        }
        drop(under_way);
        if let Some(outcome) = outcome {
            let _ = to.send(outcome.map(|code| Output::Exit { code })).await;
        }
    });
    Ok(ReceiverStream::new(output).boxed())
}

/// The builds whose tests this process runs.
#[derive(Debug, Default)]
pub(in crate::docker) struct Tests(Mutex<HashSet<BuildId>>);

impl Tests {
    fn lock(&self) -> MutexGuard<'_, HashSet<BuildId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this process runs one.
    pub(super) fn contain(&self, id: BuildId) -> bool {
        self.lock().contains(&id)
    }
}

/// One of them.
struct UnderWay {
    engine: Arc<Engine>,
    id: BuildId,
}

impl UnderWay {
    fn begin(engine: &Arc<Engine>, id: BuildId) -> Self {
        engine.tests.lock().insert(id);
        Self { engine: Arc::clone(engine), id }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.engine.tests.lock().remove(&self.id);
    }
}

struct Trial {
    engine: Arc<Engine>,
    call: Call,
    identity: BuildIdentity,
    test: TestRun,
}

impl Trial {
    /// The exit status; none when nobody listens any more.
    async fn run(&self, to: &mpsc::Sender<Result<Output>>) -> Option<Result<i64>> {
        let follower = match self.begin().await {
            Ok(follower) => follower,
            Err(error) => return Some(Err(error)),
        };
        tokio::select! {
            outcome = follower.follow(to) => Some(outcome),
            () = to.closed() => None,
        }
    }

    async fn begin(&self) -> Result<Follower> {
        // An attempt that was killed may have left its own.
        self.clear().await?;
        let network = self.network().await?;
        launcher_fault::point("docker.test_network_created");
        let name = self.engine.installation.test_name(&self.identity);
        let made = self.engine.create(&self.call, &name, &self.body(network)).await?;
        match start(&self.call, &made.id).await? {
            Started::Yes => {}
            Started::Gone => return Err(Error::NoContainer(made.id)),
            Started::Refused(why) => return Err(self.refused(why)),
        }
        Ok(Follower::new(self.call.clone(), made, &self.test.command, self.test.timeout))
    }

    fn refused(&self, why: String) -> Error {
        match self.test.command.first() {
            Some(program) if lacks_program(&why) => Error::NoProgram { program: program.clone() },
            _ => Error::Refused { doing: DOING, why },
        }
    }

    async fn network(&self) -> Result<String> {
        let request = NetworkCreateRequest {
            name: self.engine.installation.test_name(&self.identity),
            driver: Some("bridge".to_owned()),
            labels: Some(self.engine.installation.test_labels(&self.identity)),
            ..NetworkCreateRequest::default()
        };
        let created = self.call.api.create_network(request).await;
        Ok(created.map_err(|error| self.call.fail(error))?.id)
    }

    fn body(&self, network: String) -> ContainerCreateBody {
        let variables = self.test.variables.iter();
        ContainerCreateBody {
            image: Some(self.test.image.to_string()),
            entrypoint: Some(self.test.command.clone()),
            env: Some(variables.map(|(name, value)| format!("{name}={value}")).collect()),
            labels: Some(self.engine.installation.test_labels(&self.identity)),
            healthcheck: Some(no_check()),
            host_config: Some(HostConfig {
                network_mode: Some(network),
                ..self.engine.host_config(&self.test.resources)
            }),
            ..ContainerCreateBody::default()
        }
    }

    async fn clear(&self) -> Result<()> {
        self.engine.clear_tests(&self.call, |id| id == self.identity.id).await
    }
}

/// Whether an engine's words say that there is no such program: those of runc, and those of crun.
fn lacks_program(why: &str) -> bool {
    let why = why.to_ascii_lowercase();
    let nowhere = why.contains("executable file") && why.contains("not found");
    nowhere || (why.contains("exec: \"") && why.contains("no such file or directory"))
}

#[cfg(test)]
mod tests {
    use super::lacks_program;

    #[test]
    fn a_program_that_is_not_there_is_told_from_other_trouble() {
        for (why, lacks) in [
            ("exec: \"npm\": executable file not found in $PATH", true),
            ("exec: \"/no\": stat /no: no such file or directory", true),
            ("crun: executable file `npm` not found in $PATH: No such file or directory", true),
            ("exec: \"/etc/passwd\": permission denied", false),
            ("chdir to cwd (\"/app\") set in config.json failed: no such file or directory", false),
            ("error mounting \"/x\": no such file or directory", false),
        ] {
            assert_eq!(lacks_program(why), lacks, "{why}");
        }
    }
}
