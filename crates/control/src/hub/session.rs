//! One edge's connection.

use std::sync::Arc;

use jiff::Timestamp;
use launcher_edge::protocol::{FromEdge, PROTOCOL, ToEdge};
use launcher_edge::wire::{self, WireError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixListener;
use tokio::sync::mpsc;

use super::{EdgeView, Hub};

/// Takes connections of edges on this machine until it is dropped. Who may open the socket is the
/// file system's to say.
pub async fn serve(hub: Arc<Hub>, listener: UnixListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let hub = Arc::clone(&hub);
                tokio::spawn(async move {
                    if let Err(why) = converse(&hub, stream).await {
                        tracing::warn!(%why, "the connection of an edge ended");
                    }
                });
            }
            Err(error) => {
                // Out of descriptors, most likely: it passes when others are closed.
                tracing::error!(%error, "cannot take the connection of an edge");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
}

async fn converse<S>(hub: &Arc<Hub>, stream: S) -> Result<(), WireError>
where
    S: AsyncRead + AsyncWrite,
{
    let (mut reader, mut writer) = wire::split::<_, FromEdge, ToEdge>(stream);
    let Some(hello) = reader.next().await? else { return Ok(()) };
    let FromEdge::Hello { protocol, edge: name, version, driver, http, draining } = hello else {
        let why = "an edge begins with hello".to_owned();
        return writer.send(&ToEdge::Refused { why }).await;
    };
    if protocol != PROTOCOL {
        let why = format!(
            "this server speaks protocol {PROTOCOL}, the edge {protocol}; run the same release of both"
        );
        return writer.send(&ToEdge::Refused { why }).await;
    }
    let mut opened = hub.opened.subscribe();
    // The hub lives as long as its sessions, so that the gate cannot vanish.
    let _ = opened.wait_for(|open| *open).await;

    let (outbox, mut out) = mpsc::unbounded_channel();
    let connected_at = Timestamp::now();
    let view = EdgeView { name: name.clone(), version, driver, http, connected_at, behind: 0 };
    let session = hub.begin_session(view, draining, outbox);
    // Both directions at once: an edge that is slow to read is still heard.
    let write = async {
        // The outbox ends when another session of the same name took over, or this one was fenced.
        while let Some(message) = out.recv().await {
            writer.send(&message).await?;
        }
        Ok(())
    };
    let read = async {
        while let Some(message) = reader.next().await? {
            hub.hear(&name, session, message);
        }
        Ok(())
    };
    let ended = tokio::select! { ended = write => ended, ended = read => ended };
    hub.end_session(&name, session);
    ended
}
