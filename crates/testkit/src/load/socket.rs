//! WebSockets that say something now and then, and want it back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use super::{Plan, RECONNECT, Seen};

/// From one message to the next.
const PAUSE: Duration = Duration::from_millis(20);

/// One WebSocket after the other, each as long as it lives.
pub(super) async fn keep_talking(plan: &Plan, seen: &Seen, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let Ok(()) = talk(plan, seen, stop).await else {
            tokio::time::sleep(RECONNECT).await;
            continue;
        };
    }
}

async fn talk(plan: &Plan, seen: &Seen, stop: &AtomicBool) -> Result<(), ()> {
    let request = format!("ws://{}/ws", plan.host).into_client_request().map_err(drop)?;
    let stream = TcpStream::connect(plan.edge).await.map_err(drop)?;
    let upgraded = tokio_tungstenite::client_async(request, stream).await;
    let (mut socket, _) = upgraded.map_err(|error| {
        seen.complain(&seen.failed, format!("a WebSocket could not be opened: {error}"));
    })?;
    while !stop.load(Ordering::Relaxed) {
        let echoed = async {
            socket.send(Message::text("still there?")).await.ok()?;
            loop {
                match socket.next().await? {
                    Ok(Message::Text(text)) if text.as_str() == "still there?" => return Some(()),
                    Ok(Message::Close(_)) | Err(_) => return None,
                    // The first message is the version; pings are answered by the library.
                    Ok(_) => {}
                }
            }
        };
        if echoed.await.is_none() {
            seen.complain(&seen.sockets_closed, "a WebSocket was closed".to_owned());
            return Err(());
        }
        seen.echoed.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(PAUSE).await;
    }
    let _ = socket.close(None).await;
    Ok(())
}
