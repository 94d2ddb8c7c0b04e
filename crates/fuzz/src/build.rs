//! What git's clients send with a push.

use std::cell::RefCell;

use bytes::BytesMut;
use launcher_build::fuzz;
use launcher_build::git::Push;
use tokio::runtime::{Builder, Runtime};

use crate::pieces::alike;

/// As many branches and tags as one push may change.
const MOST: usize = 1000;

thread_local! {
    static RUNTIME: RefCell<Option<Runtime>> =
        RefCell::new(Builder::new_current_thread().enable_time().build().ok());
}

/// Packets are the same in whatever pieces they come, and what was written as packets is read as it was.
pub(crate) fn packets(bytes: &[u8]) {
    let (packets, _, left) = alike(bytes, |pieces| {
        let (mut buffer, mut packets) = (BytesMut::new(), Vec::new());
        for piece in pieces {
            buffer.extend_from_slice(piece);
            loop {
                match fuzz::packet(&mut buffer) {
                    Ok(Some(packet)) => packets.push(packet),
                    Ok(None) => break,
                    // How much came behind it is no matter.
                    Err(_) => return (packets, false, 0),
                }
            }
        }
        (packets, true, buffer.len())
    });
    let mut again = BytesMut::new();
    for packet in packets {
        match packet {
            Some(data) if data.is_empty() => again.extend_from_slice(b"0004"),
            Some(data) => again.unsplit(fuzz::as_packets(&data)),
            None => again.extend_from_slice(b"0000"),
        }
    }
    // Lengths are written in small letters, and may be read in capitals.
    let taken = &bytes[..again.len()];
    assert!(taken.eq_ignore_ascii_case(&again), "{taken:?} is read as {again:?}");
    assert!(left <= bytes.len());
}

/// The commands of a push are the same in whatever pieces they come; nothing that was read for them is
/// lost to git, which reads it again; and written anew they are read as the same.
pub(crate) fn push(bytes: &[u8]) {
    let Ok(Some(push)) = alike(bytes, |pieces| {
        let read = block_on(fuzz::push(pieces)).map_err(|_| ())?;
        let (push, head) = read;
        assert!(bytes.starts_with(&head));
        Ok::<_, ()>(push)
    }) else {
        return;
    };
    assert!((1..=MOST).contains(&push.updates.len()));
    for update in &push.updates {
        for id in [&update.old, &update.new] {
            assert!(matches!(id.len(), 40 | 64) && id.bytes().all(|byte| byte.is_ascii_hexdigit()));
        }
        assert!(!update.name.is_empty() && !update.name.contains('\0'));
    }
    let again = block_on(fuzz::push(&[&written(&push)]));
    assert_eq!(again.ok().and_then(|(again, _)| again), Some(push));
}

fn block_on<F: Future>(future: F) -> F::Output {
    RUNTIME.with_borrow(|runtime| {
        let Some(runtime) = runtime else { panic!("there is no runtime") };
        runtime.block_on(future)
    })
}

fn written(push: &Push) -> BytesMut {
    let mut text = BytesMut::new();
    let mut capabilities = Vec::from(["\0"]);
    capabilities.extend(push.progress.wanted.then_some(" side-band-64k"));
    capabilities.extend((!push.options.is_empty()).then_some(" push-options"));
    let capabilities = capabilities.concat();
    for update in &push.updates {
        let line = format!("{} {} {}{capabilities}\n", update.old, update.new, update.name);
        text.unsplit(fuzz::as_packets(line.as_bytes()));
    }
    text.extend_from_slice(b"0000");
    for option in &push.options {
        text.unsplit(fuzz::as_packets(format!("{option}\n").as_bytes()));
    }
    text.extend_from_slice(b"0000");
    text
}
