//! What edges and the control plane tell one another.

use std::fmt::Debug;

use bytes::Bytes;
use futures_util::{FutureExt, stream};
use launcher_edge::protocol::{FromEdge, ToEdge};
use launcher_edge::wire::Reader;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_util::io::StreamReader;

use crate::pieces::alike;

/// Messages are the same in whatever pieces they come, and read as themselves when they are sent on.
pub(crate) fn messages(bytes: &[u8]) {
    framed::<ToEdge>(bytes);
    framed::<FromEdge>(bytes);
    // Without the frame around it, whose length few bytes fit.
    alone::<ToEdge>(bytes);
    alone::<FromEdge>(bytes);
}

fn framed<T: DeserializeOwned + Serialize + PartialEq + Debug>(bytes: &[u8]) {
    let (messages, _) = alike(bytes, |pieces| {
        let pieces = pieces.iter().map(|piece| Ok(Bytes::copy_from_slice(piece)));
        let pieces = StreamReader::new(stream::iter(pieces.collect::<Vec<std::io::Result<_>>>()));
        let mut reader = Reader::<_, T>::new(pieces);
        let mut messages = Vec::new();
        loop {
            match reader.next().now_or_never() {
                Some(Ok(Some(message))) => messages.push(message),
                Some(Ok(None)) => return (messages, true),
                Some(Err(_)) => return (messages, false),
                None => panic!("it waits for more than there is"),
            }
        }
    });
    messages.iter().for_each(same_again);
}

fn alone<T: DeserializeOwned + Serialize + PartialEq + Debug>(bytes: &[u8]) {
    if let Ok(message) = serde_json::from_slice::<T>(bytes) {
        same_again(&message);
    }
}

fn same_again<T: DeserializeOwned + Serialize + PartialEq + Debug>(message: &T) {
    let text = serde_json::to_vec(message);
    let again = text.and_then(|text| serde_json::from_slice::<T>(&text));
    assert_eq!(again.ok().as_ref(), Some(message));
}
