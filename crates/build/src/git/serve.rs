//! What git's clients ask for over HTTP besides pushing ("smart HTTP" in its `gitprotocol-http`).

use std::process::Stdio;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt};
use tokio::io::AsyncWriteExt;
use tokio_util::io::ReaderStream;

use super::Repository;
use super::command::{git, not_run, output};
use super::pkt;
use crate::{Error, Result};

/// Which conversation a client wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// To push.
    Receive,
    /// To clone or fetch.
    Upload,
}

impl Service {
    /// From the name that git gives it.
    #[must_use]
    pub fn read(name: &str) -> Option<Self> {
        match name {
            "git-receive-pack" => Some(Self::Receive),
            "git-upload-pack" => Some(Self::Upload),
            _ => None,
        }
    }

    /// The name that git gives it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Receive => "git-receive-pack",
            Self::Upload => "git-upload-pack",
        }
    }
}

/// The longest question of a client that fetches, in bytes.
const LONGEST_QUESTION: usize = 16 << 20;
/// How long answering it may take.
const ANSWER: Duration = Duration::from_secs(30 * 60);

/// What a client is told first: which branches there are, and what can be done.
///
/// # Errors
/// When git fails.
pub async fn advertise(
    repository: &Repository,
    service: Service,
    protocol: Option<&str>,
) -> Result<Bytes> {
    let mut command = git(repository.directory());
    let name = service.as_str().trim_start_matches("git-");
    command.args([name, "--stateless-rpc", "--advertise-refs", "."]);
    if let Some(protocol) = protocol {
        command.env("GIT_PROTOCOL", protocol);
    }
    let told = output("telling which branches there are", &mut command).await?;
    let mut out = BytesMut::new();
    // Version 2 begins with its own first line.
    if !told.starts_with(b"000eversion 2") {
        pkt::put(&mut out, format!("# service={}\n", service.as_str()).as_bytes());
        out.extend_from_slice(pkt::FLUSH);
    }
    out.extend_from_slice(&told);
    Ok(out.freeze())
}

/// Answers a client that clones or fetches.
///
/// # Errors
/// When its question is too long, or git cannot be run.
pub async fn fetch<B>(
    repository: &Repository,
    mut body: B,
    protocol: Option<&str>,
) -> Result<BoxStream<'static, std::io::Result<Bytes>>>
where
    B: Stream<Item = std::io::Result<Bytes>> + Unpin,
{
    let mut question = BytesMut::new();
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|_| Error::Protocol("a question that broke off"))?;
        if question.len() + piece.len() > LONGEST_QUESTION {
            return Err(Error::Protocol("a question that is too long"));
        }
        question.extend_from_slice(&piece);
    }
    let mut command = git(repository.directory());
    command.args(["upload-pack", "--stateless-rpc", "."]).stdin(Stdio::piped());
    command.stderr(Stdio::null());
    if let Some(protocol) = protocol {
        command.env("GIT_PROTOCOL", protocol);
    }
    let mut child = command.spawn().map_err(|error| not_run("answering a fetch", &error))?;
    let (Some(mut to), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(Error::Protocol("git has no input"));
    };
    let stream = async_stream::stream! {
        let asking = async move {
            let _ = to.write_all(&question).await;
        };
        tokio::pin!(asking);
        let mut asked = false;
        let deadline = tokio::time::sleep(ANSWER);
        tokio::pin!(deadline);
        let mut pieces = ReaderStream::with_capacity(from, 64 << 10);
        loop {
            tokio::select! {
                () = &mut asking, if !asked => asked = true,
                () = &mut deadline => break,
                piece = pieces.next() => match piece {
                    Some(piece) => yield piece,
                    None => break,
                },
            }
        }
        // It ends with the stream, whoever ends that.
        let _ = child.kill().await;
    };
    Ok(stream.boxed())
}
