//! Commands that are given input.

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use launcher_scheduler::{Error, Input, InteractRequest, Piece, Result, TerminalSize};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::conformance::{Behaviour, Ground, eventually, placement, settle, shell, within};
use crate::ground::DockerGround;

/// What a command has printed to both, and its exit status.
async fn to_end(mut output: BoxStream<'static, Result<Piece>>) -> (Vec<u8>, Vec<u8>, i64) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    loop {
        match within(output.next()).await.expect("an exit status comes").unwrap() {
            Piece::Stdout(bytes) => out.extend(bytes),
            Piece::Stderr(bytes) => err.extend(bytes),
            Piece::Exit { code } => return (out, err, code),
        }
    }
}

/// Reads on until this was printed.
async fn until(output: &mut BoxStream<'static, Result<Piece>>, wanted: &str) {
    let mut printed = String::new();
    while !printed.contains(wanted) {
        match within(output.next()).await.expect("it goes on").unwrap() {
            Piece::Stdout(bytes) => printed.push_str(&String::from_utf8_lossy(&bytes)),
            other => panic!("{other:?} after {printed:?}"),
        }
    }
}

fn said(text: &str) -> Input {
    Input::Bytes(Bytes::from(text.to_owned()))
}

#[tokio::test]
async fn docker_hands_on_what_goes_into_a_command_and_what_comes_out() {
    let ground = DockerGround::prepare().await;
    let engine = ground.engine();
    let placement = placement(&ground, Behaviour::Runs, 1).await;
    let container = settle(&*engine, &placement).await.remove(0);
    let begin = async |script: &str, input: Vec<Input>| {
        let request = InteractRequest { command: shell(script), terminal: None };
        engine.interact(&container.id, request, stream::iter(input).boxed()).await.unwrap()
    };

    // More than any buffer on the way holds, and bytes that are no text.
    let part: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let parts = vec![Input::Bytes(Bytes::from(part.clone())); 10];
    let output = begin("busybox cat; echo over >&2; exit 5", parts).await;
    let (out, err, code) = to_end(output).await;
    assert_eq!((out.len(), code), (1_000_000, 5));
    assert_eq!(out, part.repeat(10));
    assert_eq!(String::from_utf8_lossy(&err), "over\n");

    // One that reads nothing, and one that is not there.
    assert_eq!(to_end(begin("exit 0", vec![said("unread")]).await).await.2, 0);
    let request = InteractRequest { command: vec!["/no/such/program".into()], terminal: None };
    let told = match engine.interact(&container.id, request, stream::empty().boxed()).await {
        Err(error) => error.to_string(),
        Ok(output) => {
            let (out, err, code) = to_end(output).await;
            assert_ne!(code, 0);
            String::from_utf8_lossy(&[out, err].concat()).into_owned()
        }
    };
    assert!(told.contains("/no/such/program"), "{told}");

    ground.kill(&container.id).await;
    let request = InteractRequest { command: shell("exit 0"), terminal: None };
    let refused = engine.interact(&container.id, request, stream::empty().boxed()).await;
    assert!(matches!(refused.err(), Some(Error::Refused { .. })));
}

#[tokio::test]
async fn docker_gives_a_command_a_terminal() {
    let ground = DockerGround::prepare().await;
    let engine = ground.engine();
    let placement = placement(&ground, Behaviour::Runs, 1).await;
    let container = settle(&*engine, &placement).await.remove(0);
    let (input, given) = mpsc::channel(8);
    let script = "echo ready $TERM; while read line; do busybox stty size; done; exit 3";
    let size = |columns, rows| TerminalSize { columns, rows };
    let request = InteractRequest { command: shell(script), terminal: Some(size(100, 30)) };
    let given = ReceiverStream::new(given).boxed();
    let mut output = engine.interact(&container.id, request, given).await.unwrap();
    until(&mut output, "ready xterm-256color").await;
    input.send(said("one\n")).await.unwrap();
    until(&mut output, "30 100").await;
    input.send(Input::Resize(size(72, 20))).await.unwrap();
    input.send(said("two\n")).await.unwrap();
    until(&mut output, "20 72").await;
    // Ctrl-D is what ends the input of a terminal.
    input.send(said("\x04")).await.unwrap();
    assert_eq!(to_end(output).await.2, 3);
}

#[tokio::test]
async fn docker_ends_a_command_whose_terminal_is_closed() {
    let ground = DockerGround::prepare().await;
    let engine = ground.engine();
    let placement = placement(&ground, Behaviour::Runs, 1).await;
    let container = settle(&*engine, &placement).await.remove(0);
    let terminal = Some(TerminalSize { columns: 80, rows: 24 });
    let script = "trap '' INT HUP; echo begun; busybox sleep 4322; busybox sleep 4322";
    let request = InteractRequest { command: shell(script), terminal };
    let (_input, given) = mpsc::channel(1);
    let given = ReceiverStream::new(given).boxed();
    let mut output = engine.interact(&container.id, request, given).await.unwrap();
    until(&mut output, "begun").await;
    let sleeps = async || {
        let top = ground.api.top_processes(&container.id, None).await.unwrap();
        let processes = top.processes.unwrap();
        processes.iter().filter(|p| p.iter().any(|c| c.contains("sleep 4322"))).count()
    };
    eventually("the command runs", async || (sleeps().await > 0).then_some(())).await;
    drop(output);
    eventually("the command is ended", async || (sleeps().await == 0).then_some(())).await;
    assert!(engine.observe(None).await.unwrap()[0].is_running(), "only the command was ended");
}
