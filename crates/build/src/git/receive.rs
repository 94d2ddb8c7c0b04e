//! Taking in a push (`git-receive-pack` over HTTP).
//!
//! The commands of a push are read here, so that what is not wanted is refused before anything is written;
//! all else is git's. It keeps what comes in apart until all of it is there and sound, and only then
//! changes branches. When it has said what became of them, the answer is kept open for what follows from
//! the push.

use std::process::Stdio;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::command::{git, not_run};
use super::pkt::{self, Packet};
use super::report::{Report, refusal};
use super::{Progress, Repository};
use crate::{Error, Result};

/// As many branches and tags as one push may change.
const MOST_UPDATES: usize = 1000;
/// The longest list of them, in bytes.
const LONGEST_LIST: usize = 1 << 20;
/// The longest name of a branch or tag, in bytes.
const LONGEST_NAME: usize = 250;
/// A client that sends nothing for so long is gone.
const SILENCE: Duration = Duration::from_secs(60);
/// What git may take with what has come in.
const WORK: Duration = Duration::from_secs(30 * 60);

/// One change of a branch or tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefUpdate {
    /// What it was at, as far as the client knows; zeros when it is new.
    pub old: String,
    /// What it shall be at; zeros when it shall go.
    pub new: String,
    /// Its whole name, such as `refs/heads/main`.
    pub name: String,
}

impl RefUpdate {
    /// The branch, when it is one.
    #[must_use]
    pub fn branch(&self) -> Option<&str> {
        self.name.strip_prefix("refs/heads/")
    }

    /// Whether it shall go.
    #[must_use]
    pub fn deletes(&self) -> bool {
        self.new.bytes().all(|b| b == b'0')
    }

    fn read(line: &str) -> Option<Self> {
        let mut words = line.splitn(3, ' ');
        let mut id = || {
            let id = words.next().filter(|id| matches!(id.len(), 40 | 64));
            id.filter(|id| id.bytes().all(|b| b.is_ascii_hexdigit())).map(str::to_owned)
        };
        let (old, new) = (id()?, id()?);
        let name = words.next().filter(|name| !name.is_empty())?.to_owned();
        Some(Self { old, new, name })
    }

    fn fault(&self) -> Option<&'static str> {
        if self.name.len() > LONGEST_NAME {
            return Some("its name is too long");
        }
        let known = ["refs/heads/", "refs/tags/"].iter().any(|kind| self.name.starts_with(kind));
        (!known).then_some("only branches and tags are kept here")
    }
}

/// A push, as far as it is not a pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// What it changes.
    pub updates: Vec<RefUpdate>,
    /// What its client was told with `git push -o`.
    pub options: Vec<String>,
    /// How the person is told what happens.
    pub progress: Progress,
}

/// What is done with a push.
pub trait Received: Send + 'static {
    /// Before anything is written; a sentence refuses all of it.
    fn before(
        &mut self,
        push: &Push,
    ) -> impl Future<Output = std::result::Result<(), String>> + Send;

    /// After it: with those of its branches that were changed, which are none when it broke off. What it gives is told line by line.
    fn after(self, push: Push) -> impl Future<Output = BoxStream<'static, String>> + Send;
}

/// Takes in a push. It goes on when the client goes away, as far as the push has come in whole.
///
/// # Errors
/// When it is none, or git cannot be run. What git itself says against it is in the answer.
pub async fn receive<B>(
    repository: Repository,
    mut body: B,
    protocol: Option<String>,
    mut received: impl Received,
) -> Result<BoxStream<'static, std::io::Result<Bytes>>>
where
    B: Stream<Item = std::io::Result<Bytes>> + Send + Unpin + 'static,
{
    let mut head = BytesMut::new();
    let Some(push) = read_commands(&mut head, &mut body).await? else {
        // A client asks so whether it is let in, before it sends what is long.
        return Ok(futures_util::stream::empty().boxed());
    };
    let faults = push.updates.iter().find_map(RefUpdate::fault).map(str::to_owned);
    let refused = match faults {
        Some(why) => Some(why),
        None => received.before(&push).await.err(),
    };
    if let Some(why) = refused {
        drain(&mut body).await;
        let answer = refusal(&push.updates, &why, push.progress.wanted);
        return Ok(futures_util::stream::iter([Ok(answer)]).boxed());
    }
    let mut command = git(repository.directory());
    command.args(["receive-pack", "--stateless-rpc", "."]).stdin(Stdio::piped());
    if let Some(protocol) = protocol {
        command.env("GIT_PROTOCOL", protocol);
    }
    // What it has to say goes to the client in its answer.
    command.stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| not_run("taking in a push", &error))?;
    let (Some(to), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(Error::Protocol("git has no input"));
    };
    let (sender, answer) = mpsc::channel(64);
    let asked = push.clone();
    tokio::spawn(async move {
        let feed = feed(head.freeze(), body, to);
        let relay = relay(push, from, sender.clone());
        let both = async { tokio::join!(feed, relay) };
        let Ok((fed, relayed)) = tokio::time::timeout(WORK, both).await else {
            let _ = sender.send(Err(std::io::Error::other("git took too long"))).await;
            return;
        };
        let _ = child.wait().await;
        let changed = match relayed {
            // What has changed is there, also when the client went away with its last words unsaid.
            Ok(push) if !push.updates.is_empty() => Ok(push),
            relayed => relayed.and_then(|push| fed.map(|()| push)),
        };
        let changed = match changed {
            Ok(push) => push,
            Err(error) => {
                tracing::debug!(service = %repository.service, %error, "a push broke off");
                let _ = sender.send(Err(std::io::Error::other(error.to_string()))).await;
                drop(received.after(Push { updates: Vec::new(), ..asked }).await);
                return;
            }
        };
        tell(changed, received, &sender).await;
    });
    Ok(ReceiverStream::new(answer).boxed())
}

/// Has done what follows from the push, tells it, and ends the answer.
async fn tell(push: Push, received: impl Received, to: &mpsc::Sender<std::io::Result<Bytes>>) {
    let progress = push.progress;
    let mut lines = received.after(push).await;
    while progress.wanted
        && let Some(line) = lines.next().await
    {
        // Nobody listens any more: what was asked for goes on all the same.
        if to.send(Ok(progress.line(&line))).await.is_err() {
            return;
        }
    }
    let _ = to.send(Ok(progress.end())).await;
}

/// Reads the commands of a push, and leaves in `head` all that was read. None when there are none.
pub(super) async fn read_commands<B>(head: &mut BytesMut, body: &mut B) -> Result<Option<Push>>
where
    B: Stream<Item = std::io::Result<Bytes>> + Unpin,
{
    let mut unread = BytesMut::new();
    let mut commands = Vec::new();
    let mut capabilities = String::new();
    while let Some(line) = next(head, &mut unread, body).await? {
        let text = String::from_utf8_lossy(&line).into_owned();
        let text = text.trim_end_matches('\n');
        let text = match text.split_once('\0') {
            Some((text, said)) => {
                capabilities = said.to_owned();
                text
            }
            None => text,
        };
        if text.starts_with("shallow ") {
            continue;
        }
        let update = RefUpdate::read(text);
        commands.push(update.ok_or(Error::Protocol("a command that is none"))?);
        if commands.len() > MOST_UPDATES {
            let advice = "push in parts";
            return Err(Error::TooLarge {
                what: "the push".into(),
                most: "1000 branches".into(),
                advice,
            });
        }
    }
    if commands.is_empty() {
        return Ok(None);
    }
    let capable = |name: &str| capabilities.split(' ').any(|one| one == name);
    let mut options = Vec::new();
    if capable("push-options") {
        while let Some(line) = next(head, &mut unread, body).await? {
            options.push(String::from_utf8_lossy(&line).trim_end().to_owned());
        }
    }
    let progress = Progress { wanted: capable("side-band-64k") };
    Ok(Some(Push { updates: commands, options, progress }))
}

/// The next packet of a list that a flush ends.
async fn next<B>(head: &mut BytesMut, unread: &mut BytesMut, body: &mut B) -> Result<Option<Bytes>>
where
    B: Stream<Item = std::io::Result<Bytes>> + Unpin,
{
    loop {
        match pkt::take(unread)? {
            Some(Packet::Flush) => return Ok(None),
            Some(Packet::Data(line)) => return Ok(Some(line)),
            None => {}
        }
        if head.len() > LONGEST_LIST {
            return Err(Error::Protocol("a list of branches that does not end"));
        }
        let piece = tokio::time::timeout(SILENCE, body.next()).await;
        let piece = piece.map_err(|_| Error::Protocol("a push that stopped in the middle"))?;
        match piece {
            Some(Ok(piece)) => {
                head.extend_from_slice(&piece);
                unread.extend_from_slice(&piece);
            }
            _ => return Err(Error::Protocol("a push that broke off")),
        }
    }
}

/// Reads what nobody wants, so that the client comes to the answer.
async fn drain<B>(body: &mut B)
where
    B: Stream<Item = std::io::Result<Bytes>> + Unpin,
{
    while let Ok(Some(Ok(_))) = tokio::time::timeout(SILENCE, body.next()).await {}
}

async fn feed<B>(head: Bytes, mut body: B, mut to: ChildStdin) -> Result<()>
where
    B: Stream<Item = std::io::Result<Bytes>> + Unpin,
{
    // When git does not want to read on, it says why in its answer.
    if to.write_all(&head).await.is_err() {
        drain(&mut body).await;
        return Ok(());
    }
    loop {
        let piece = tokio::time::timeout(SILENCE, body.next()).await;
        match piece.map_err(|_| Error::Protocol("a push that stopped in the middle"))? {
            None => return Ok(()),
            Some(Err(_)) => return Err(Error::Protocol("a push that broke off")),
            Some(Ok(piece)) => {
                if to.write_all(&piece).await.is_err() {
                    drain(&mut body).await;
                    return Ok(());
                }
            }
        }
    }
}

/// Passes git's answer on, but for its end, and picks out of it which branches were changed.
async fn relay(
    mut push: Push,
    mut from: ChildStdout,
    to: mpsc::Sender<std::io::Result<Bytes>>,
) -> Result<Push> {
    let mut read = BytesMut::with_capacity(64 << 10);
    let mut report = Report::default();
    let sideband = push.progress.wanted;
    'answer: loop {
        let length =
            from.read_buf(&mut read).await.map_err(|error| not_run("taking in a push", &error))?;
        if length == 0 {
            break;
        }
        while let Some(packet) = pkt::take(&mut read)? {
            let Packet::Data(data) = packet else { break 'answer };
            report.take(&data, sideband)?;
            let mut out = BytesMut::new();
            pkt::put(&mut out, &data);
            // Nobody listens any more: what has come in is taken in all the same.
            let _ = to.send(Ok(out.freeze())).await;
        }
    }
    push.updates.retain(|update| report.changed.contains(&update.name));
    Ok(push)
}
