//! Commands that are given input. The engine hands over the connection, on which bytes go both ways as they
//! are; bollard's reading of it takes some of a terminal's bytes for heads of frames.

use std::io;
use std::time::Duration;

use bollard::errors::Error as EngineError;
use bollard::exec::{CreateExecOptions, ResizeExecOptions};
use bytes::{Buf, BytesMut};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use hyper::upgrade::Upgraded;
use hyper::{Method, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncWrite, AsyncWriteExt, split};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::codec::{Decoder, FramedRead};
use tokio_util::sync::CancellationToken;

use super::Engine;
use super::builder::wire;
use super::exec::{Command, DOING};
use crate::{Input, InteractRequest, Piece, Result, TerminalSize};

/// So many pieces wait for a slow reader; then the command waits.
const BUFFER: usize = 16;
/// A terminal is there a moment after its command is: so often, and with such pauses, it is told its first size.
const FIRST_SIZE: (u32, Duration) = (20, Duration::from_millis(25));
/// What a person would type to leave: ctrl-C for what runs, ctrl-D for the shell.
const GOODBYE: &[u8] = b"\x03\x04";
/// What programs look up to know what a terminal can do: what the pages' terminal and most others are.
const TERM: &str = "TERM=xterm-256color";

impl Engine {
    pub(super) async fn interact(
        &self,
        container: &str,
        request: InteractRequest,
        input: BoxStream<'static, Input>,
    ) -> Result<BoxStream<'static, Result<Piece>>> {
        let call = self.connection.call(DOING).await?;
        let told = self.own(&call, container).await?;
        let container = told.id.unwrap_or_else(|| container.to_owned());
        let command = Command { container, local: self.connection.is_local(), call };
        let terminal = request.terminal;
        let id = command.create(request).await?;
        let upgraded = self.attach(&command, &id, terminal.is_some()).await?;
        let (to, output) = mpsc::channel(BUFFER);
        tokio::spawn(command.converse(id, upgraded, terminal, input, to));
        Ok(ReceiverStream::new(output).boxed())
    }

    /// Starts a command, on a connection that is its own from then on.
    async fn attach(&self, command: &Command, id: &str, terminal: bool) -> Result<Upgraded> {
        let version = command.call.api.client_version();
        let body = format!("{{\"Detach\":false,\"Tty\":{terminal}}}");
        let attached = async {
            let request = Request::builder()
                .method(Method::POST)
                .uri(format!(
                    "/v{}.{}/exec/{id}/start",
                    version.major_version, version.minor_version
                ))
                .header(header::HOST, "docker")
                .header(header::CONTENT_TYPE, "application/json")
                .header(header::CONTENT_LENGTH, body.len())
                .header(header::CONNECTION, "Upgrade")
                .header(header::UPGRADE, "tcp")
                .body(wire::text(body))?;
            let mut answer = wire::send(&self.connection, request).await?;
            if answer.response.status() != StatusCode::SWITCHING_PROTOCOLS {
                return Err(wire::refusal(answer).await);
            }
            Ok(hyper::upgrade::on(&mut answer.response).await?)
        };
        attached.await.map_err(|error: EngineError| command.call.fail(error))
    }
}

impl Command {
    async fn create(&self, request: InteractRequest) -> Result<String> {
        let terminal = request.terminal.is_some();
        let options = CreateExecOptions {
            attach_stdin: Some(true),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            tty: Some(terminal),
            env: terminal.then(|| vec![TERM.to_owned()]),
            cmd: Some(request.command),
            ..CreateExecOptions::default()
        };
        let created = self.call.api.create_exec(&self.container, options).await;
        Ok(created.map_err(|error| self.call.fail(error))?.id)
    }

    /// Passes on what goes in and what comes out, until the command's end, or until nobody listens any more:
    /// then it is ended.
    async fn converse(
        self,
        id: String,
        upgraded: Upgraded,
        terminal: Option<TerminalSize>,
        input: BoxStream<'static, Input>,
        to: mpsc::Sender<Result<Piece>>,
    ) {
        let (read, write) = split(TokioIo::new(upgraded));
        let mut printed = FramedRead::new(read, Frames::of(terminal.is_some()));
        let over = CancellationToken::new();
        let feed = Feed { call: self.call.clone(), id: id.clone(), terminal, over: over.clone() };
        let feeding = tokio::spawn(feed.run(input, write));
        let listened = loop {
            let piece = tokio::select! {
                piece = printed.next() => piece,
                () = to.closed() => break false,
            };
            let Some(piece) = piece else { break true };
            let piece = piece.map_err(|err| self.call.fail(EngineError::IOError { err }));
            if to.send(piece).await.is_err() {
                break false;
            }
        };
        over.cancel();
        let _ = feeding.await;
        if !listened {
            return self.end(&id).await;
        }
        tokio::select! {
            exit = self.exit(&id) => {
                let _ = to.send(exit.map(|code| Piece::Exit { code })).await;
            }
            () = to.closed() => self.end(&id).await,
        }
    }
}

/// What brings a command its input.
struct Feed {
    call: super::connection::Call,
    id: String,
    terminal: Option<TerminalSize>,
    over: CancellationToken,
}

impl Feed {
    async fn run(self, mut input: BoxStream<'static, Input>, mut write: impl AsyncWrite + Unpin) {
        if let Some(size) = self.terminal {
            self.first_size(size).await;
        }
        loop {
            let given = tokio::select! {
                given = input.next() => given,
                () = self.over.cancelled() => {
                    // Where the command cannot be killed, this is all that can be done.
                    if self.terminal.is_some() {
                        let _ = write.write_all(GOODBYE).await;
                    }
                    None
                }
            };
            match given {
                Some(Input::Bytes(bytes)) => {
                    let written = tokio::select! {
                        written = write.write_all(&bytes) => written.is_ok(),
                        () = self.over.cancelled() => false,
                    };
                    if !written {
                        break;
                    }
                }
                Some(Input::Resize(size)) if self.terminal.is_some() => {
                    let _ = self.resize(size).await;
                }
                Some(Input::Resize(_)) => {}
                None => break,
            }
        }
        // It has no more to say; what is printed still comes.
        let _ = write.shutdown().await;
    }

    async fn first_size(&self, size: TerminalSize) {
        let (times, pause) = FIRST_SIZE;
        for _ in 0..times {
            if self.resize(size).await.is_ok() || self.over.is_cancelled() {
                return;
            }
            tokio::time::sleep(pause).await;
        }
    }

    async fn resize(&self, size: TerminalSize) -> std::result::Result<(), EngineError> {
        let size = ResizeExecOptions { height: size.rows, width: size.columns };
        self.call.api.resize_exec(&self.id, size).await
    }
}

/// Reads what a command prints: as it is from a terminal, else in frames with a head of eight bytes each, of
/// which parts are passed on as they come.
pub(super) struct Frames {
    raw: bool,
    /// To where the rest of this frame goes.
    to: u8,
    /// So many bytes of it are still to come.
    left: usize,
}

const HEAD: usize = 8;
const STDOUT: u8 = 1;

impl Frames {
    pub(super) fn of(raw: bool) -> Self {
        Self { raw, to: STDOUT, left: 0 }
    }
}

impl Decoder for Frames {
    type Item = Piece;
    type Error = io::Error;

    fn decode(&mut self, bytes: &mut BytesMut) -> io::Result<Option<Piece>> {
        loop {
            if bytes.is_empty() {
                return Ok(None);
            }
            if self.raw {
                return Ok(Some(Piece::Stdout(bytes.split().freeze())));
            }
            if self.left > 0 {
                let there = self.left.min(bytes.len());
                self.left -= there;
                let part = bytes.split_to(there).freeze();
                let standard = self.to == STDOUT;
                return Ok(Some(if standard { Piece::Stdout(part) } else { Piece::Stderr(part) }));
            }
            if bytes.len() < HEAD {
                return Ok(None);
            }
            self.to = bytes[0];
            bytes.advance(HEAD / 2);
            self.left = usize::try_from(bytes.get_u32()).map_err(io::Error::other)?;
        }
    }

    /// A head that was cut off is no news.
    fn decode_eof(&mut self, bytes: &mut BytesMut) -> io::Result<Option<Piece>> {
        let last = self.decode(bytes)?;
        if last.is_none() {
            bytes.clear();
        }
        Ok(last)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(raw: bool, parts: &[&[u8]]) -> (Vec<u8>, Vec<u8>) {
        let (mut frames, mut bytes) = (Frames::of(raw), BytesMut::new());
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut take = |piece: Option<Piece>| match piece {
            Some(Piece::Stdout(bytes)) => {
                out.extend(bytes);
                true
            }
            Some(Piece::Stderr(bytes)) => {
                err.extend(bytes);
                true
            }
            _ => false,
        };
        for part in parts {
            bytes.extend_from_slice(part);
            while take(frames.decode(&mut bytes).unwrap()) {}
            assert!(bytes.len() < HEAD, "nothing but a head waits for its rest");
        }
        while take(frames.decode_eof(&mut bytes).unwrap()) {}
        assert!(bytes.is_empty());
        (out, err)
    }

    #[test]
    fn a_terminals_bytes_are_no_heads_of_frames() {
        let odd = b"\x01\x00\x00\x00\xff\xff\xff\xffhello";
        assert_eq!(read(true, &[odd]).0, odd);
    }

    proptest! {
        #[test]
        fn frames_may_be_cut_anywhere(
            pieces in prop::collection::vec((1u8..=2, prop::collection::vec(any::<u8>(), 0..40)), 0..8),
            cut in 1usize..50,
        ) {
            let mut wire = Vec::new();
            let (mut out, mut err) = (Vec::new(), Vec::new());
            for (to, bytes) in &pieces {
                wire.extend([*to, 0, 0, 0]);
                wire.extend(u32::try_from(bytes.len()).unwrap().to_be_bytes());
                wire.extend(bytes);
                if *to == STDOUT { out.extend(bytes) } else { err.extend(bytes) }
            }
            let parts: Vec<&[u8]> = wire.chunks(cut).collect();
            prop_assert_eq!(read(false, &parts), (out, err));
        }

        #[test]
        fn whatever_comes_is_passed_on_or_left_out(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            read(false, &[&bytes]);
        }
    }
}
