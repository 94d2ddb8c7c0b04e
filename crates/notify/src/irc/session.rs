//! One connection to a server: reads and writes what the [`Protocol`] says.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::codec::{AnyDelimiterCodec, Framed};
use tokio_util::sync::CancellationToken;

use super::Desk;
use super::protocol::{Effect, Lost, Protocol, Question, Say};

/// The longest line that is read, in bytes: RFC 2812 has 512, and IRCv3's tags come before them.
const LONGEST: usize = 16 << 10;
/// A line is written within so long a time.
const WRITTEN: Duration = Duration::from_secs(30);

/// Speaks with a server until the connection is over.
pub(super) async fn serve<S>(
    stream: S,
    protocol: &mut Protocol,
    says: &mut mpsc::Receiver<Say>,
    desk: &Arc<Desk>,
    stop: &CancellationToken,
) -> Lost
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let codec = AnyDelimiterCodec::new_with_max_length(b"\n".to_vec(), b"\r\n".to_vec(), LONGEST);
    let mut lines = Framed::new(stream, codec);
    let mut answers: FuturesUnordered<BoxFuture<'static, (String, Vec<String>)>> =
        FuturesUnordered::new();
    loop {
        while let Some(line) = protocol.next_line(Instant::now()) {
            match timeout(WRITTEN, lines.send(line)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Lost::new(format!("it cannot be written to: {error}")),
                Err(_) => return Lost::new("the server takes nothing any more"),
            }
        }
        let outcome = tokio::select! {
            heard = lines.next() => match heard {
                Some(Ok(line)) => protocol.heard(&line, Instant::now()),
                Some(Err(error)) => Err(Lost::new(format!("it cannot be read from: {error}"))),
                None => Err(Lost::new("the server hung up")),
            },
            Some(say) = says.recv(), if protocol.has_room() => {
                protocol.say(say);
                Ok(Vec::new())
            }
            Some((to, answer)) = answers.next() => {
                protocol.answer(&to, &answer);
                Ok(Vec::new())
            }
            () = sleep_until(protocol.due()) => protocol.tick(Instant::now()),
            () = stop.cancelled() => {
                // It knows without, a moment later.
                let _ = timeout(Duration::from_secs(1), lines.send(Protocol::farewell())).await;
                return Lost::new("this server stops");
            }
        };
        match outcome {
            Ok(effects) => {
                for effect in effects {
                    follow(effect, desk, &mut answers);
                }
            }
            Err(lost) => return lost,
        }
    }
}

fn follow(
    effect: Effect,
    desk: &Arc<Desk>,
    answers: &mut FuturesUnordered<BoxFuture<'static, (String, Vec<String>)>>,
) {
    match effect {
        Effect::Joined(channel) => desk.joined(&channel),
        Effect::Left { channel, why } => desk.left(&channel, &why),
        // Each is over in a while, and the protocol lets few through in that time.
        Effect::Asked(Question { ask, to, channels }) => {
            let desk = Arc::clone(desk);
            answers.push(Box::pin(async move { (to, desk.answer(ask, &channels).await) }));
        }
    }
}
