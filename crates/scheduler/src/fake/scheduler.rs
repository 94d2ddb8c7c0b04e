//! The fake engine as a scheduler.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use futures_util::stream::{self, BoxStream, StreamExt};
use jiff::Timestamp;
use launcher_model::container::{Container, ContainerPhase, Host};
use launcher_model::image::{ImageRef, PinnedImage};
use launcher_model::plan::containers::{self, ContainerStep};
use launcher_model::version::Version;
use launcher_model::{ServiceName, VersionNumber};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::mpsc;
use tokio_stream::wrappers::{BroadcastStream, ReceiverStream};

use super::world::{Held, State};
use super::{Fake, Verb, hosts, one_off};
use crate::identity::{Identity, Part, RUN, SERVE};
use crate::{
    Capabilities, Change, Ensured, Error, ExecRequest, Input, InteractRequest, KeepsVolumes,
    LogLine, LogOptions, LogStream, OneOff, Output, Piece, Placement, RegistryLogin, Result,
    Scheduler, labels,
};

impl Fake {
    /// The ids of our containers of a version, of one role or of all.
    fn ids(
        &self,
        state: &State,
        service: &ServiceName,
        version: VersionNumber,
        role: Option<&str>,
    ) -> Vec<String> {
        let fits = |held: &Held| {
            self.owns(held)
                && held.container.service == *service
                && held.container.version == version
                && role.is_none_or(|role| held.labels[labels::ROLE] == role)
        };
        let containers = state.containers.iter();
        containers.filter(|(_, held)| fits(held)).map(|(id, _)| id.clone()).collect()
    }

    /// Creates a container, or takes the one of that name when it is the same.
    pub(super) fn create(
        &self,
        state: &mut State,
        version: &Version,
        variables: &[(String, SecretString)],
        part: Part,
        avoid: &BTreeSet<String>,
    ) -> Result<String> {
        let digest = &version.image.digest;
        if !state.fetched.contains(digest) {
            let why = "no such image".to_owned();
            return Err(Error::Image { image: version.image.requested.to_string(), why });
        }
        let identity = Identity { service: version.service.clone(), version: version.number, part };
        let name = self.installation.name(&identity);
        let labels = self.installation.labels(&identity);
        if let Some((id, there)) =
            state.containers.iter().find(|(_, held)| held.container.name == name)
        {
            let same = |held: &Held| {
                let wanted = labels.iter().filter(|(label, _)| *label != labels::FAILURES);
                wanted.into_iter().all(|(label, value)| held.labels.get(label) == Some(value))
            };
            if same(there) {
                return Ok(id.clone());
            }
            let why = format!("the name {name} is taken by a container that is not ours");
            return Err(Error::Refused { doing: "creating a container", why });
        }
        let id = format!("{:012x}", state.next());
        let (slot, attempt, failures) = match identity.part {
            Part::Serve { slot, attempt, failures, .. } => (slot, attempt, failures),
            Part::Release | Part::Run { .. } => (0, 0, 0),
        };
        let container = Container {
            id: id.clone(),
            name,
            service: identity.service,
            version: identity.version,
            slot,
            attempt,
            failures,
            created: Timestamp::now(),
            host: String::new(),
            address: None,
            published: None,
            phase: ContainerPhase::Waiting { why: None },
        };
        let shown =
            variables.iter().map(|(name, value)| (name.clone(), value.expose_secret().to_owned()));
        let held = Held {
            container,
            digest: digest.clone(),
            labels,
            variables: shown.collect(),
            script: state.script(digest),
            log: Vec::new(),
            starts: 0,
            promised: hosts::promised(version),
        };
        state.containers.insert(id.clone(), held);
        state.place_those_that_wait(std::slice::from_ref(&id), avoid);
        let held = state.containers[&id].clone();
        self.world.tell(state, &held);
        Ok(id)
    }

    /// Whether the engine could do it.
    async fn carry_out(&self, placement: &Placement, step: ContainerStep) -> Result<bool> {
        const DOING: &str = "creating containers";
        let id = match step {
            ContainerStep::Remove { id } => {
                self.world.remove(&mut *self.world.still(DOING)?, &id);
                return Ok(true);
            }
            ContainerStep::Start { id } => id,
            ContainerStep::Create { slot, attempt, failures } => {
                let port = placement.version.spec.service.port;
                let part = Part::Serve { slot, attempt, failures, port };
                let mut state = self.world.still(DOING)?;
                let Placement { version, variables, avoid, .. } = placement;
                self.create(&mut state, version, variables, part, avoid)?
            }
        };
        let takes = {
            let state = self.world.still(DOING)?;
            state.containers.get(&id).map(|held| held.script.start_takes).unwrap_or_default()
        };
        // Always a point at which the caller may be gone.
        tokio::task::yield_now().await;
        if !takes.is_zero() {
            tokio::time::sleep(takes).await;
        }
        let mut state = self.world.still(DOING)?;
        Ok(self.world.start(&mut state, &id))
    }

    /// Our container of that id or name.
    pub(super) fn own(&self, state: &State, container: &str) -> Result<Held> {
        let mut all = state.containers.values();
        let found =
            all.find(|held| held.container.id == container || held.container.name == container);
        let found = found.filter(|held| self.owns(held)).cloned();
        found.ok_or_else(|| Error::NoContainer(container.to_owned()))
    }

    /// Lines of a container's log from the `next`-th on, then those to come until it ends.
    pub(super) fn follow(&self, id: String, next: usize) -> BoxStream<'static, Result<LogLine>> {
        let world = Arc::clone(&self.world);
        let (to, lines) = mpsc::channel(64);
        tokio::spawn(async move {
            let mut ticks = world.ticks();
            let mut next = next;
            loop {
                ticks.mark_unchanged();
                let (new, ended) = {
                    let state = world.state();
                    let held = state.containers.get(&id);
                    let new = held.map(|held| held.log[next.min(held.log.len())..].to_vec());
                    (new.unwrap_or_default(), held.is_none_or(|held| !held.container.is_running()))
                };
                next += new.len();
                for line in new {
                    if to.send(Ok(line)).await.is_err() {
                        return;
                    }
                }
                if ended {
                    return;
                }
                tokio::select! {
                    () = to.closed() => return,
                    changed = ticks.changed() => if changed.is_err() { return },
                }
            }
        });
        ReceiverStream::new(lines).boxed()
    }
}

#[async_trait]
impl Scheduler for Fake {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            name: "fake",
            many_hosts: self.world.state().hosts.are_many(),
            logs: true,
            sends_logs: false,
            exec: true,
            one_off: true,
            exec_checks: true,
            keeps_stopped: true,
            replaces: false,
            ends_chosen: true,
            tells_lost: true,
            forgets_avoided: true,
            volumes: KeepsVolumes::Never,
        }
    }

    async fn hosts(&self) -> Result<Vec<Host>> {
        let state = self.world.reach(Verb::Hosts, "asking the engine about itself")?;
        Ok(state.hosts.seen(&state.containers))
    }

    async fn set_closed(&self, host: &str, closed: bool) -> Result<()> {
        const DOING: &str = "closing or opening a host";
        self.world.reach(Verb::SetClosed, DOING)?.hosts.set_closed(host, closed)
    }

    async fn resolve(
        &self,
        image: &ImageRef,
        _login: Option<&RegistryLogin>,
    ) -> Result<PinnedImage> {
        let mut state = self.world.reach(Verb::Resolve, "looking for an image")?;
        let digest = state.content(image);
        if let Some(why) = state.script(&digest).unknown {
            return Err(Error::Image { image: image.to_string(), why });
        }
        let reference = match image {
            ImageRef::Id(_) | ImageRef::Digest(..) => image.clone(),
            ImageRef::Tag(repository, _) => ImageRef::Digest(repository.clone(), digest.clone()),
        };
        Ok(PinnedImage { requested: image.clone(), reference, digest })
    }

    async fn fetch(&self, image: &PinnedImage, _login: Option<&RegistryLogin>) -> Result<()> {
        const DOING: &str = "pulling an image";
        let script = self.world.reach(Verb::Fetch, DOING)?.script(&image.digest);
        if !script.pull_takes.is_zero() {
            tokio::time::sleep(script.pull_takes).await;
        }
        let mut state = self.world.still(DOING)?;
        if let Some(why) = script.unpullable {
            return Err(Error::Image { image: image.requested.to_string(), why });
        }
        state.fetched.insert(image.digest.clone());
        Ok(())
    }

    async fn ensure(&self, placement: &Placement) -> Result<Ensured> {
        let version = &placement.version;
        if let Some(why) = self.capabilities().volumes.refusal(&version.spec) {
            return Err(Error::Unplaceable(why.to_owned()));
        }
        let now = Timestamp::now();
        let plan = {
            let mut state = self.world.reach(Verb::Ensure, "looking at containers")?;
            let ids = self.ids(&state, &version.service, version.number, Some(SERVE));
            state.place_those_that_wait(&ids, &placement.avoid);
            let observed: Vec<_> =
                ids.iter().map(|id| state.containers[id].container.clone()).collect();
            let Placement { replicas, avoid, released, since, .. } = placement;
            let mut plan = containers::plan(*replicas, &observed, released, *since, now);
            plan.steps.extend(hosts::moves(*replicas, &observed, avoid));
            plan
        };
        let steps = plan.steps.into_iter().map(|step| self.carry_out(placement, step));
        let outcomes = join_all(steps).await.into_iter().collect::<Result<Vec<_>>>()?;
        let unseen = outcomes.contains(&false);
        Ok(Ensured { again_at: if unseen { Some(now) } else { plan.again_at } })
    }

    async fn observe(&self, service: Option<&ServiceName>) -> Result<Vec<Container>> {
        drop(self.world.reach(Verb::Observe, "looking at containers")?);
        let mut containers = self.containers();
        containers.retain(|container| service.is_none_or(|service| container.service == *service));
        Ok(containers)
    }

    async fn unseen(&self) -> Result<BTreeSet<(ServiceName, VersionNumber)>> {
        let state = self.world.still("looking at containers")?;
        let all = |serves: bool| {
            let ours = state.containers.values().filter(|held| self.owns(held));
            let lasting = ours.filter(|held| held.labels[labels::ROLE] != RUN);
            let of_role =
                lasting.filter(move |held| (held.labels[labels::ROLE] == SERVE) == serves);
            of_role.map(|held| (held.container.service.clone(), held.container.version))
        };
        let shown: BTreeSet<_> = all(true).collect();
        Ok(all(false).filter(|environment| !shown.contains(environment)).collect())
    }

    fn watch(&self) -> BoxStream<'static, Change> {
        let (first, rest) = self.world.listen();
        // Who listens too slowly misses changes, and must look at everything.
        let rest = BroadcastStream::new(rest).map(|change| change.unwrap_or(Change::Everything));
        stream::iter([first]).chain(rest).boxed()
    }

    async fn stop(
        &self,
        service: &ServiceName,
        version: VersionNumber,
        _grace: Duration,
    ) -> Result<()> {
        let mut state = self.world.reach(Verb::Stop, "stopping containers")?;
        for id in self.ids(&state, service, version, Some(SERVE)) {
            self.world.end(&mut state, &id, 143);
        }
        Ok(())
    }

    async fn remove(
        &self,
        service: &ServiceName,
        version: VersionNumber,
        _grace: Duration,
    ) -> Result<()> {
        let mut state = self.world.reach(Verb::Remove, "removing containers")?;
        for id in self.ids(&state, service, version, None) {
            self.world.remove(&mut state, &id);
        }
        Ok(())
    }

    async fn logs(
        &self,
        container: &str,
        options: LogOptions,
    ) -> Result<BoxStream<'static, Result<LogLine>>> {
        let held = self.own(&*self.world.reach(Verb::Logs, "reading a log")?, container)?;
        let tail = options.tail.map_or(usize::MAX, |tail| tail.try_into().unwrap_or(usize::MAX));
        let first = held.log.len().saturating_sub(tail);
        if options.follow {
            return Ok(self.follow(held.container.id, first));
        }
        Ok(stream::iter(held.log.into_iter().skip(first).map(Ok)).boxed())
    }

    async fn exec(
        &self,
        container: &str,
        request: ExecRequest,
    ) -> Result<BoxStream<'static, Result<Output>>> {
        const DOING: &str = "running a command in a container";
        let held = self.own(&*self.world.reach(Verb::Exec, DOING)?, container)?;
        if !held.container.is_running() {
            let why = format!("container {container} is not running");
            return Err(Error::Refused { doing: DOING, why });
        }
        let command = (held.script.commands)(&request.command);
        let printed = command
            .prints
            .into_iter()
            .map(|text| Ok(Output::Line(LogLine { at: None, stream: LogStream::Stdout, text })));
        let end = async move {
            tokio::time::sleep(command.takes).await;
            Ok(Output::Exit { code: command.code })
        };
        Ok(stream::iter(printed).chain(stream::once(end)).boxed())
    }

    async fn interact(
        &self,
        container: &str,
        request: InteractRequest,
        input: BoxStream<'static, Input>,
    ) -> Result<BoxStream<'static, Result<Piece>>> {
        super::interact::begin(self, container, &request, input)
    }

    async fn run_once(&self, one_off: &OneOff) -> Result<BoxStream<'static, Result<Output>>> {
        one_off::run(self, one_off)
    }
}
