//! The door for edges on other machines: they are known by their keys, and strangers may only join.

use std::sync::Arc;
use std::time::Duration;

use launcher_edge::protocol::{FromEdge, ToEdge};
use launcher_edge::remote::{Acceptor, Fingerprint, JoinToken, TlsStream};
use launcher_edge::wire::{self, WireError};
use launcher_model::EdgeName;
use launcher_store::{AboutEdge, Store};
use secrecy::ExposeSecret;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::Hub;
use super::session::{
    Guest, HELLO_WITHIN, To, converse, could_not_accept, first, refuse, speaks_ours,
};
use crate::Clock;

/// How many may be at the door at once that have not said yet who they are.
const STRANGERS: usize = 64;

/// From one note that an edge is there to the next.
const NOTE_EVERY: Duration = Duration::from_secs(60);

/// Who may come in.
pub struct Door {
    /// Greets.
    pub acceptor: Acceptor,
    /// Knows who was invited and who has joined.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Clock,
}

/// Takes connections of edges on other machines until it is dropped.
pub async fn serve_remote(hub: Arc<Hub>, door: Door, listener: TcpListener) {
    let (door, strangers) = (Arc::new(door), Arc::new(Semaphore::new(STRANGERS)));
    loop {
        let Ok(place) = Arc::clone(&strangers).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, from)) => {
                let (hub, door) = (Arc::clone(&hub), Arc::clone(&door));
                tokio::spawn(async move {
                    let greeted = greet(&door, stream).await;
                    drop(place);
                    let ended = match greeted {
                        Ok(Some(arrival)) => receive(&hub, &door, arrival).await,
                        Ok(None) => Ok(()),
                        Err(error) => Err(error),
                    };
                    if let Err(why) = ended
                        && !is_end(&why)
                    {
                        tracing::warn!(%why, %from, "the connection of an edge ended");
                    }
                });
            }
            Err(error) => could_not_accept(&error).await,
        }
    }
}

/// One that is killed does not say goodbye.
fn is_end(why: &WireError) -> bool {
    matches!(why, WireError::Io(error) if error.kind() == std::io::ErrorKind::UnexpectedEof)
}

/// Somebody who has shown a key, and said something.
struct Arrival {
    stream: (super::session::From<TlsStream>, To<TlsStream>),
    fingerprint: Fingerprint,
    said: FromEdge,
}

async fn greet(door: &Door, stream: TcpStream) -> Result<Option<Arrival>, WireError> {
    let greeted = tokio::time::timeout(HELLO_WITHIN, door.acceptor.accept(stream)).await;
    let timed_out = |_| std::io::Error::from(std::io::ErrorKind::TimedOut);
    let (stream, fingerprint) = greeted.map_err(timed_out)??;
    let (mut reader, writer) = wire::split::<_, FromEdge, ToEdge>(stream);
    let said = first(&mut reader).await?;
    Ok(said.map(|said| Arrival { stream: (reader, writer), fingerprint, said }))
}

async fn receive(hub: &Hub, door: &Door, arrival: Arrival) -> Result<(), WireError> {
    let Arrival { stream: (reader, mut writer), fingerprint, said } = arrival;
    if let FromEdge::Join { protocol, secret } = said {
        let hash = JoinToken::hash_of(secret.0.expose_secret());
        return match admit(door, protocol, &hash, fingerprint).await {
            Ok(edge) => {
                // An edge of this name that is connected is another one, from before.
                hub.turn_out(&edge);
                writer.send(&ToEdge::Joined { edge }).await
            }
            Err(why) => refuse(&mut writer, why).await,
        };
    }
    match recognize(door, said, fingerprint).await {
        Ok(guest) => {
            let name = guest.view.name.clone();
            let about = AboutEdge {
                driver: guest.view.driver.clone(),
                version: guest.view.version.clone(),
                http: guest.view.http.clone(),
                https: guest.view.https.clone(),
            };
            let noting = async {
                let mut turns = tokio::time::interval(NOTE_EVERY);
                loop {
                    turns.tick().await;
                    note(door, &name, &about).await;
                }
            };
            let ended = tokio::select! {
                ended = converse(hub, guest, reader, writer) => ended,
                () = noting => Ok(()),
            };
            note(door, &name, &about).await;
            ended
        }
        Err(why) => refuse(&mut writer, why).await,
    }
}

async fn admit(
    door: &Door,
    protocol: u32,
    hash: &[u8; 32],
    fingerprint: Fingerprint,
) -> Result<EdgeName, String> {
    speaks_ours(protocol)?;
    let joined = door.store.join_edge(hash, &fingerprint.0, (door.clock)()).await;
    joined.map_err(|error| error.to_string())?.ok_or_else(|| {
        "this join token is not valid: it was used, or is too old; `launcher edges invite NAME` makes another"
            .to_owned()
    })
}

async fn recognize(
    door: &Door,
    hello: FromEdge,
    fingerprint: Fingerprint,
) -> Result<Guest, String> {
    let known = door.store.edge_with(&fingerprint.0).await.map_err(|error| error.to_string())?;
    let known = known.ok_or_else(|| {
        "this server does not know this edge; if it was revoked by mistake, let it join again with a token of `launcher edges invite NAME`"
            .to_owned()
    })?;
    let mut guest = Guest::of(hello, true)?;
    guest.view.name = known;
    Ok(guest)
}

async fn note(door: &Door, edge: &EdgeName, about: &AboutEdge) {
    if let Err(error) = door.store.edge_seen(edge, about, (door.clock)()).await {
        tracing::warn!(%edge, %error, "cannot keep that an edge was seen");
    }
}
