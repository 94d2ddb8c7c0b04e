//! Commands that are given input, as the fake engine has them: each prints what its script says, then what
//! it is given, as `cat` does, and a terminal's new size as `[COLUMNSxROWS]`. It ends with its input.

use std::sync::Arc;

use async_stream::stream;
use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt};

use super::world::{Held, World};
use super::{Fake, Verb};
use crate::{Error, Input, InteractRequest, Piece, Result};

const DOING: &str = "running a command in a container";
/// The status of what was killed.
const KILLED: i64 = 137;

pub(super) fn begin(
    fake: &Fake,
    container: &str,
    request: &InteractRequest,
    input: BoxStream<'static, Input>,
) -> Result<BoxStream<'static, Result<Piece>>> {
    let held = fake.own(&*fake.world.reach(Verb::Exec, DOING)?, container)?;
    if !held.container.is_running() {
        let why = format!("container {container} is not running");
        return Err(Error::Refused { doing: DOING, why });
    }
    Ok(converse(&fake.world, held, request, input).boxed())
}

fn converse(
    world: &Arc<World>,
    held: Held,
    request: &InteractRequest,
    mut input: BoxStream<'static, Input>,
) -> impl futures_util::Stream<Item = Result<Piece>> + Send + use<> {
    let command = (held.script.commands)(&request.command);
    let end = if request.terminal.is_some() { "\r\n" } else { "\n" };
    let (id, starts) = (held.container.id, held.starts);
    let runs = {
        let world = Arc::clone(world);
        move || {
            let state = world.state();
            let now = state.containers.get(&id);
            now.is_some_and(|now| now.starts == starts && now.container.is_running())
        }
    };
    let mut ticks = world.ticks();
    stream! {
        for line in command.prints {
            yield Ok(Piece::Stdout(Bytes::from(format!("{line}{end}"))));
        }
        loop {
            if !runs() {
                yield Ok(Piece::Exit { code: KILLED });
                return;
            }
            let given = tokio::select! {
                given = input.next() => given,
                _ = ticks.changed() => continue,
            };
            match given {
                Some(Input::Bytes(bytes)) => yield Ok(Piece::Stdout(bytes)),
                Some(Input::Resize(size)) => {
                    let told = format!("[{}x{}]", size.columns, size.rows);
                    yield Ok(Piece::Stdout(Bytes::from(told)));
                }
                None => break,
            }
        }
        yield Ok(Piece::Exit { code: command.code });
    }
}
