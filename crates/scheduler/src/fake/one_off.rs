//! One-off containers of the fake engine.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use launcher_model::container::ContainerPhase;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::world::World;
use super::{Fake, Verb};
use crate::identity::Part;
use crate::{Error, OneOff, OneOffRole, Output, Result};

pub(super) fn run(fake: &Fake, one_off: &OneOff) -> Result<BoxStream<'static, Result<Output>>> {
    let id = begin(fake, one_off)?;
    let guard = (one_off.role == OneOffRole::Run)
        .then(|| RunGuard { world: Arc::clone(&fake.world), id: id.clone() });
    let (to, output) = mpsc::channel(64);
    let follower = Follower {
        fake: fake.clone(),
        id,
        command: one_off.command.join(" "),
        timeout: one_off.timeout,
    };
    tokio::spawn(async move {
        tokio::select! {
            () = follower.follow(&to) => {}
            () = to.closed() => {}
        }
        drop(guard);
    });
    Ok(ReceiverStream::new(output).boxed())
}

fn begin(fake: &Fake, one_off: &OneOff) -> Result<String> {
    let mut state = fake.world.reach(Verb::RunOnce, "running a one-off container")?;
    let part = match one_off.role {
        OneOffRole::Release => Part::Release,
        OneOffRole::Run => Part::Run { nonce: state.next().to_string() },
    };
    let id =
        fake.create(&mut state, &one_off.version, &one_off.variables, part, &BTreeSet::new())?;
    let Some(held) = state.containers.get_mut(&id) else { return Err(Error::NoContainer(id)) };
    if held.container.phase == ContainerPhase::Created {
        let command = (held.script.commands)(&one_off.command);
        held.script.prints = command.prints;
        held.script.exits = Some((command.takes, command.code));
        if !fake.world.start(&mut state, &id) {
            let why = "it cannot be started".to_owned();
            return Err(Error::Refused { doing: "starting a one-off container", why });
        }
    }
    Ok(id)
}

struct Follower {
    fake: Fake,
    id: String,
    command: String,
    timeout: Duration,
}

impl Follower {
    async fn follow(&self, to: &mpsc::Sender<Result<Output>>) {
        let mut log = self.fake.follow(self.id.clone(), 0);
        let tell = async {
            while let Some(line) = log.next().await {
                let _ = to.send(line.map(Output::Line)).await;
            }
        };
        let outcome = match tokio::time::timeout(self.timeout, tell).await {
            Ok(()) => self.exit(),
            Err(_elapsed) => {
                self.fake.kill(&self.id, 137);
                Err(Error::Overdue { command: self.command.clone(), after: self.timeout })
            }
        };
        let _ = to.send(outcome.map(|code| Output::Exit { code })).await;
    }

    fn exit(&self) -> Result<i64> {
        let state = self.fake.world.state();
        match state.containers.get(&self.id).map(|held| &held.container.phase) {
            Some(ContainerPhase::Exited { code, .. }) => Ok(*code),
            _ => Err(Error::NoContainer(self.id.clone())),
        }
    }
}

/// Removes the container of a person's command when nobody listens to it any more.
struct RunGuard {
    world: Arc<World>,
    id: String,
}

impl Drop for RunGuard {
    fn drop(&mut self) {
        self.world.remove(&mut self.world.state(), &self.id);
    }
}
