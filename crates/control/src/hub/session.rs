//! One edge's connection.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use launcher_edge::protocol::{FromEdge, PROTOCOL, ToEdge};
use launcher_edge::wire::{self, Reader, WireError, Writer};
use launcher_model::EdgeName;
use tokio::io::{AsyncRead, AsyncWrite, ReadHalf, WriteHalf};
use tokio::net::UnixListener;
use tokio::sync::mpsc;

use super::{EdgeView, Hub};

/// From one question after an edge to the next.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// An edge that says nothing for so long is away, whatever the connection looks like.
const SILENCE: Duration = Duration::from_secs(5);

/// How long one that connects may take to say who it is.
pub(super) const HELLO_WITHIN: Duration = Duration::from_secs(10);

pub(super) type From<S> = Reader<ReadHalf<S>, FromEdge>;
pub(super) type To<S> = Writer<WriteHalf<S>, ToEdge>;

/// Takes connections of edges on this machine until it is dropped. Who may open the socket is the
/// file system's to say.
pub async fn serve(hub: Arc<Hub>, listener: UnixListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let hub = Arc::clone(&hub);
                tokio::spawn(async move {
                    if let Err(why) = from_here(&hub, stream).await {
                        tracing::warn!(%why, "the connection of an edge ended");
                    }
                });
            }
            Err(error) => could_not_accept(&error).await,
        }
    }
}

/// Out of descriptors, most likely: it passes when others are closed.
pub(super) async fn could_not_accept(error: &io::Error) {
    tracing::error!(%error, "cannot take the connection of an edge");
    tokio::time::sleep(Duration::from_millis(100)).await;
}

async fn from_here<S: AsyncRead + AsyncWrite>(hub: &Hub, stream: S) -> Result<(), WireError> {
    let (mut reader, mut writer) = wire::split::<_, FromEdge, ToEdge>(stream);
    let Some(hello) = first(&mut reader).await? else { return Ok(()) };
    match Guest::of(hello, false) {
        Ok(guest) if hub.is_foreign(&guest) => {
            let installation = hub.installation();
            let edge = &guest.view.name;
            tracing::warn!(%edge, routes_of = ?guest.installation, "an edge on this machine is turned away: it has the routes of another installation; its own log says what to do");
            writer.send(&ToEdge::Foreign { installation }).await
        }
        Ok(guest) => converse(hub, guest, reader, writer).await,
        Err(why) => refuse(&mut writer, why).await,
    }
}

/// What a peer says first.
pub(super) async fn first<S: AsyncRead + AsyncWrite>(
    reader: &mut From<S>,
) -> Result<Option<FromEdge>, WireError> {
    tokio::time::timeout(HELLO_WITHIN, reader.next()).await.unwrap_or_else(|_| silent())
}

fn silent<T>() -> Result<T, WireError> {
    Err(io::Error::new(io::ErrorKind::TimedOut, "it says nothing").into())
}

/// Tells a peer why it is not spoken with.
pub(super) async fn refuse<S: AsyncWrite>(
    writer: &mut To<S>,
    why: String,
) -> Result<(), WireError> {
    writer.send(&ToEdge::Refused { why }).await
}

/// An edge that has said hello.
pub(super) struct Guest {
    pub(super) view: EdgeView,
    /// The installation whose routes it has.
    installation: Option<String>,
    draining: Vec<launcher_model::DeploymentId>,
    has: Vec<(launcher_model::ServiceName, launcher_edge::table::Digest)>,
}

impl Guest {
    /// Reads a hello; or why it cannot be taken.
    pub(super) fn of(hello: FromEdge, remote: bool) -> Result<Self, String> {
        let FromEdge::Hello {
            protocol,
            edge: name,
            version,
            driver,
            http,
            https,
            installation,
            draining,
            has,
        } = hello
        else {
            return Err("an edge begins with hello".to_owned());
        };
        speaks_ours(protocol)?;
        let connected_at = Timestamp::now();
        let view = EdgeView {
            name,
            version,
            driver,
            http,
            https,
            remote,
            connected_at,
            lag: None,
            behind: 0,
            certificate_files: Vec::new(),
        };
        Ok(Self { view, installation, draining, has })
    }
}

impl Hub {
    fn installation(&self) -> String {
        self.state().table.installation.clone().unwrap_or_default()
    }

    /// Whether an edge has the routes of another installation. On this machine somebody has mixed two
    /// data directories up; an edge on another one has joined this installation since.
    fn is_foreign(&self, guest: &Guest) -> bool {
        guest.installation.as_ref().is_some_and(|its| *its != self.installation())
    }
}

/// Whether a peer speaks this protocol.
pub(super) fn speaks_ours(protocol: u32) -> Result<(), String> {
    if protocol == PROTOCOL {
        return Ok(());
    }
    Err(format!(
        "this server speaks protocol {PROTOCOL}, the edge {protocol}; run the same release of both"
    ))
}

/// Speaks with an edge until either has enough.
pub(super) async fn converse<S: AsyncRead + AsyncWrite>(
    hub: &Hub,
    mut guest: Guest,
    mut reader: From<S>,
    mut writer: To<S>,
) -> Result<(), WireError> {
    let mut opened = hub.opened.subscribe();
    // The hub lives as long as its sessions, so that the gate cannot vanish.
    let _ = opened.wait_for(|open| *open).await;

    if hub.is_foreign(&guest) {
        // It drops what it has.
        guest.has.clear();
        guest.draining.clear();
    }
    let (outbox, mut out) = mpsc::unbounded_channel();
    let name: EdgeName = guest.view.name.clone();
    let session = hub.begin_session(guest.view, guest.draining, &guest.has, outbox);
    // Both directions at once: an edge that is slow to read is still heard.
    let write = async {
        // The outbox ends when another session of the same name took over, or this one was fenced.
        while let Some(message) = out.recv().await {
            writer.send(&message).await?;
        }
        Ok(())
    };
    let read = async {
        while let Some(message) =
            tokio::time::timeout(SILENCE, reader.next()).await.unwrap_or_else(|_| silent())?
        {
            hub.hear(&name, session, message);
        }
        Ok(())
    };
    let ask = async {
        let mut turns = tokio::time::interval(ASK_EVERY);
        loop {
            turns.tick().await;
            hub.ask_after(&name, session);
        }
    };
    let ended =
        tokio::select! { ended = write => ended, ended = read => ended, () = ask => Ok(()) };
    hub.end_session(&name, session);
    ended
}
