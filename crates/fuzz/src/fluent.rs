//! What Fluentd's clients and servers send.

use bytes::Bytes;
use launcher_fluent::handshake::{Greeting, answer_helo};
use launcher_fluent::wire::{
    Frame, FrameError, Framer, Limits, Scanner, deflate, read_ack, write_entry, write_packed,
};
use launcher_fluent::{EventTime, Record, Security, SharedKey};
use rmpv::Value;

use crate::pieces::alike;

const LIMITS: Limits = Limits { frame: 64 << 10, inflated: 1 << 16, depth: 32, values: 4096 };
const ARRIVAL: EventTime = EventTime { seconds: 1_700_000_000, nanos: 0 };

/// Frames are the same in whatever pieces they come, end where a foreign library says, and become no
/// more than is allowed.
pub(crate) fn frames(bytes: &[u8]) {
    let (frames, _) = alike(bytes, cut);
    for frame in frames.iter().chain([&Bytes::copy_from_slice(bytes)]) {
        decoded(frame);
        let _ = read_ack(frame);
    }
    scanned(bytes);
    // Few bytes are a gzip by themselves.
    let mut packed = Vec::new();
    write_packed("a", &deflate(bytes), 1, true, None, &mut packed);
    decoded(&packed.into());
}

fn cut(pieces: &[&[u8]]) -> (Vec<Bytes>, Option<FrameError>) {
    let (mut framer, mut frames) = (Framer::new(&LIMITS), Vec::new());
    for piece in pieces {
        framer.buffer().extend_from_slice(piece);
        loop {
            match framer.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}

fn decoded(frame: &Bytes) {
    let Ok(Frame::Events(events)) = Frame::decode(frame, &LIMITS) else { return };
    let Ok(entries) = events.entries(&LIMITS, ARRIVAL) else { return };
    assert_eq!(entries.iter().count(), entries.len());
    assert!(entries.bytes() <= frame.len().max(LIMITS.inflated));
    entries.iter().for_each(|record| sent_on(&record));
}

/// A record that is sent on is written in the same way by whoever reads it. What is no UTF-8 is bytes then.
fn sent_on(record: &Record) {
    let (mut entry, mut frame) = (Vec::new(), Vec::new());
    write_entry(record, &mut entry);
    write_packed(&record.tag, &entry, 1, false, None, &mut frame);
    let Ok(Frame::Events(events)) = Frame::decode(&frame.into(), &LIMITS) else {
        panic!("{record:?} is not read when it is sent on")
    };
    let again = events.entries(&LIMITS, ARRIVAL).ok().and_then(|entries| {
        let (mut entry, again) = (Vec::new(), entries.iter().next()?);
        write_entry(&again, &mut entry);
        Some((again.tag, again.time, entry))
    });
    assert_eq!(again, Some((record.tag.clone(), record.time, entry)));
}

fn scanned(bytes: &[u8]) {
    let mut scanner = Scanner::new(1 << 20, 16, 4096);
    let Ok(Some(length)) = scanner.advance(bytes) else { return };
    let mut rest = bytes;
    assert!(rmpv::decode::read_value(&mut rest).is_ok());
    assert_eq!(bytes.len() - rest.len(), length);
}

/// Nobody is believed who does not have the key, and a proof that was changed is none.
pub(crate) fn handshake(bytes: &[u8]) {
    let security = |hostname: &str, key: &str| Security {
        hostname: hostname.to_owned(),
        shared_key: SharedKey::new(key.to_owned().into()),
    };
    let (server, client) = (security("server", "a"), security("client", "b"));
    let greeting = Greeting::new(&server, &[], [1; 16], [2; 16]);
    let (answer, outcome) = greeting.answer(bytes);
    assert!(outcome.is_err() && is_one_value(&answer));
    if let Ok((ping, expected)) = answer_helo(bytes, &client, None, [3; 16]) {
        assert!(is_one_value(&ping));
        assert!(expected.check(bytes).is_err());
    }
    let Ok((ping, expected)) = answer_helo(&greeting.helo(), &client, None, [3; 16]) else {
        panic!("what the server begins with is understood")
    };
    let (pong, outcome) = greeting.answer(&ping);
    assert!(outcome.is_err(), "the client has another key");
    assert!(expected.check(&pong).is_err());
    assert!(expected.check(bytes).is_err());
}

fn is_one_value(mut bytes: &[u8]) -> bool {
    let value = rmpv::decode::read_value(&mut bytes);
    bytes.is_empty() && matches!(value, Ok(Value::Array(_)))
}
