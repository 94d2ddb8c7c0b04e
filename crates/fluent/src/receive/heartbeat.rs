//! Heartbeats over UDP, section *Heartbeat Message*: "a byte of 0x00".

use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::sleep;

use super::counters::Counters;

/// An error of one peer comes at the next packet; should all be errors, this must not keep a processor busy.
const AFTER_ERROR: Duration = Duration::from_millis(50);

/// Answers whoever asks, for ever. The answer is as short as a question can be, so nobody is flooded by
/// means of it.
pub(super) async fn answer(socket: &UdpSocket, counters: &Counters) {
    let mut question = [0; 1];
    loop {
        let Ok((_, peer)) = socket.recv_from(&mut question).await else {
            sleep(AFTER_ERROR).await;
            continue;
        };
        counters.heartbeat();
        // One that cannot be sent now is not worth waiting for.
        let _ = socket.try_send_to(&[0], peer);
    }
}
