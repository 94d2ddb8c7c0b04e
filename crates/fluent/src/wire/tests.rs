use bytes::Bytes;
use proptest::prelude::*;
use rmpv::Value;

use super::*;
use crate::{EventTime, Record};

const ARRIVAL: EventTime = EventTime { seconds: 77, nanos: 7 };

fn encode(value: &Value) -> Bytes {
    let mut bytes = Vec::new();
    rmpv::encode::write_value(&mut bytes, value).unwrap();
    bytes.into()
}

fn array(elements: Vec<Value>) -> Value {
    Value::Array(elements)
}

fn map<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Map(fields.into_iter().map(|(name, value)| (name.into(), value)).collect())
}

fn decode(frame: &Bytes) -> Result<(Entries, Option<Value>), FrameError> {
    decode_with(frame, &Limits::default())
}

fn decode_with(frame: &Bytes, limits: &Limits) -> Result<(Entries, Option<Value>), FrameError> {
    match Frame::decode(frame, limits)? {
        Frame::Heartbeat => panic!("a heartbeat"),
        Frame::Events(mut events) => {
            let chunk = events.chunk.take();
            Ok((events.entries(limits, ARRIVAL)?, chunk))
        }
    }
}

fn records(frame: &Value) -> Vec<Record> {
    let (entries, _) = decode(&encode(frame)).unwrap();
    let records: Vec<_> = entries.iter().collect();
    assert_eq!(records.len(), entries.len());
    records
}

fn record(seconds: u32, nanos: u32, message: &str) -> Record {
    Record::new("a.b", EventTime { seconds, nanos }, [("message", message)])
}

fn entry(seconds: u32, message: &str) -> Value {
    array(vec![seconds.into(), map([("message", message.into())])])
}

fn event_time() -> Value {
    Value::Ext(0, vec![0, 0, 0, 5, 0, 0, 0, 9])
}

fn packed(entries: &[Value]) -> Vec<u8> {
    entries.iter().flat_map(|entry| encode(entry).to_vec()).collect()
}

#[test]
fn mode_message_is_read_with_options_and_without() {
    let fields = || map([("message", "one".into())]);
    let frame = array(vec!["a.b".into(), 5.into(), fields()]);
    assert_eq!(records(&frame), [record(5, 0, "one")]);
    let option = map([("chunk", "p8n9gmxTQVC8/nh2wlKKeQ==".into())]);
    let frame = array(vec!["a.b".into(), event_time(), fields(), option]);
    assert_eq!(records(&frame), [record(5, 9, "one")]);
    let (_, chunk) = decode(&encode(&frame)).unwrap();
    assert_eq!(chunk, Some("p8n9gmxTQVC8/nh2wlKKeQ==".into()));
    for option in [Value::Nil, map([])] {
        let frame = array(vec!["a.b".into(), Value::Nil, fields(), option]);
        assert_eq!(records(&frame), [record(77, 7, "one")]);
    }
}

#[test]
fn mode_forward_is_read() {
    let entries =
        array(vec![entry(1, "one"), array(vec![event_time(), map([("message", "two".into())])])]);
    let expected = [record(1, 0, "one"), record(5, 9, "two")];
    assert_eq!(records(&array(vec!["a.b".into(), entries.clone()])), expected);
    let option = map([("size", 2.into()), ("chunk", "c".into())]);
    assert_eq!(records(&array(vec!["a.b".into(), entries, option])), expected);
    assert_eq!(records(&array(vec!["a.b".into(), array(vec![])])), []);
    let many = array((0..70_000).map(|number| entry(number + 1, "x")).collect());
    let many = records(&array(vec!["a.b".into(), many]));
    assert_eq!((many.len(), many.last()), (70_000, Some(&record(70_000, 0, "x"))));
}

#[test]
fn mode_packed_forward_is_read_from_bytes_and_from_strings() {
    let entries = packed(&[entry(1, "one"), entry(2, "two")]);
    let expected = [record(1, 0, "one"), record(2, 0, "two")];
    assert_eq!(records(&array(vec!["a.b".into(), Value::Binary(entries.clone())])), expected);
    // Version 0 of the protocol has no other type for it than that of strings.
    let mut old = vec![0x92, 0xa3, b'a', b'.', b'b', 0xda, 0, u8::try_from(entries.len()).unwrap()];
    old.extend_from_slice(&entries);
    let (entries, _) = decode(&old.into()).unwrap();
    assert_eq!(entries.iter().collect::<Vec<_>>(), expected);
}

#[test]
fn mode_compressed_packed_forward_is_read_in_one_piece_and_in_several() {
    let (one, two) = (packed(&[entry(1, "one")]), packed(&[entry(2, "two")]));
    let whole = deflate(&[one.clone(), two.clone()].concat());
    let pieces = [deflate(&one), deflate(&two)].concat();
    for compressed in [whole, pieces] {
        let option = map([("compressed", "gzip".into()), ("size", 2.into())]);
        let frame = array(vec!["a.b".into(), Value::Binary(compressed), option]);
        assert_eq!(records(&frame), [record(1, 0, "one"), record(2, 0, "two")]);
    }
}

#[test]
fn what_becomes_too_much_or_is_no_gzip_is_refused() {
    let limits = Limits { inflated: 1_000_000, ..Limits::default() };
    let option = || map([("compressed", "gzip".into())]);
    let frame = |bytes| encode(&array(vec!["a".into(), Value::Binary(bytes), option()]));
    let bomb = frame(deflate(&vec![0xc0; 1_000_001]));
    assert!(bomb.len() < 10_000);
    assert_eq!(decode_with(&bomb, &limits).unwrap_err(), FrameError::Bomb(1_000_000));
    let mut cut = deflate(&packed(&[entry(1, "one")]));
    cut.pop();
    for bytes in [cut, b"no gzip".to_vec()] {
        assert_eq!(decode(&frame(bytes)).unwrap_err(), FrameError::NotGzip);
    }
}

#[test]
fn entries_that_are_none_are_left_out_and_counted() {
    let bad = [
        Value::Nil,
        5.into(),
        array(vec![]),
        array(vec![5.into()]),
        array(vec![5.into(), Value::Nil]),
        array(vec![5.into(), "text".into()]),
        array(vec!["now".into(), map([])]),
        array(vec![(-5).into(), map([])]),
        array(vec![5.into(), map([]), Value::Nil]),
        array(vec![Value::Ext(1, vec![0; 8]), map([])]),
        array(vec![5.into(), map([("many", array(vec![Value::Nil; 66_000]))])]),
    ];
    let count = bad.len();
    let mut all = vec![entry(1, "one")];
    all.extend(bad);
    all.push(entry(2, "two"));
    for body in [Value::Binary(packed(&all)), array(all)] {
        let (entries, _) = decode(&encode(&array(vec!["a.b".into(), body]))).unwrap();
        assert_eq!((entries.len(), entries.skipped()), (2, count));
        let records: Vec<_> = entries.iter().collect();
        assert_eq!(records, [record(1, 0, "one"), record(2, 0, "two")]);
    }
    let frame = encode(&array(vec!["a.b".into(), 5.into(), Value::Nil]));
    assert_eq!(decode(&frame).unwrap().0.skipped(), 1);
}

#[test]
fn an_entry_may_say_in_any_way_that_it_has_two_parts() {
    let plain = packed(&[entry(1, "one")]);
    assert_eq!(plain[0], 0x92);
    for header in [&[0x92][..], &[0xdc, 0, 2], &[0xdd, 0, 0, 0, 2]] {
        let entries = [header, &plain[1..]].concat();
        let frame = encode(&array(vec!["a.b".into(), Value::Binary(entries)]));
        let (entries, _) = decode(&frame).unwrap();
        assert_eq!(entries.iter().collect::<Vec<_>>(), [record(1, 0, "one")]);
    }
}

#[test]
fn metadata_of_fluent_bit_is_passed_over() {
    let time = array(vec![event_time(), map([("meta", 1.into())])]);
    let entries = array(vec![array(vec![time, map([("message", "one".into())])])]);
    assert_eq!(records(&array(vec!["a.b".into(), entries])), [record(5, 9, "one")]);
}

#[test]
fn events_that_are_no_logs_have_no_records() {
    let option = map([("fluent_signal", 1.into()), ("chunk", "c".into())]);
    let frame = encode(&array(vec!["a".into(), Value::Binary(vec![0xff, 0xc1]), option]));
    let (entries, chunk) = decode(&frame).unwrap();
    assert!(entries.is_empty() && chunk.is_some());
}

#[test]
fn frames_that_are_none_are_refused() {
    let malformed = |value: Value| match decode(&encode(&value)) {
        Err(FrameError::Malformed(why)) => why,
        other => panic!("{value}: {other:?}"),
    };
    malformed(5.into());
    malformed(map([]));
    malformed(array(vec!["a".into()]));
    malformed(array(vec![Value::Nil; 5]));
    malformed(array(vec![5.into(), 5.into(), map([])]));
    malformed(array(vec!["a".into(), 5.into()]));
    malformed(array(vec!["a".into(), map([]), map([])]));
    malformed(array(vec!["a".into(), array(vec![]), 5.into()]));
    malformed(array(vec!["a".into(), array(vec![]), map([("compressed", "zstd".into())])]));
    malformed(array(vec!["a".into(), 5.into(), map([]), map([("compressed", "gzip".into())])]));
    malformed(array(vec!["a".into(), array(vec![]), map([("chunk", "x".repeat(2000).into())])]));
    let cut = packed(&[entry(1, "one")]);
    let frame = encode(&array(vec!["a".into(), Value::Binary(cut[..cut.len() - 1].to_vec())]));
    assert_eq!(decode(&frame).unwrap_err(), FrameError::NotMessagePack);
}

#[test]
fn json_is_told_from_messagepack() {
    let mut framer = Framer::new(&Limits::default());
    framer.buffer().extend_from_slice(b"[\"a\", 5, {}]");
    assert_eq!(framer.next_frame(), Err(FrameError::Json));
}

#[test]
fn what_is_nested_too_deep_is_refused_before_anything_is_made_of_it() {
    let mut framer = Framer::new(&Limits::default());
    framer.buffer().extend_from_slice(&[0x91; 1000]);
    assert_eq!(framer.next_frame(), Err(FrameError::TooDeep));
    let packed = [&[0x92, 1][..], &[0x91; 1000], &[0xc0]].concat();
    let frame = encode(&array(vec!["a".into(), Value::Binary(packed)]));
    assert_eq!(decode(&frame).unwrap_err(), FrameError::TooDeep);
}

#[test]
fn acknowledgements_are_read() {
    let mut answer = Vec::new();
    write_ack(&"abc".into(), &mut answer);
    assert_eq!(read_ack(&answer), Ok(&b"abc"[..]));
    let more = encode(&map([("other", Value::Nil), ("ack", Value::Binary(vec![1]))]));
    assert_eq!(read_ack(&more), Ok(&[1][..]));
    for bad in [map([]), map([("ack", 5.into())]), array(vec![]), Value::Nil] {
        assert!(read_ack(&encode(&bad)).is_err());
    }
}

/// The frames and the outcome of a stream that comes in these pieces.
fn cut(bytes: &[u8], pieces: &[usize]) -> (Vec<Bytes>, Option<FrameError>) {
    let limits = Limits { frame: 4096, ..Limits::default() };
    let mut framer = Framer::new(&limits);
    let (mut frames, mut at, mut piece) = (Vec::new(), 0, 0);
    loop {
        match framer.next_frame() {
            Ok(Some(frame)) => frames.push(frame),
            Err(error) => return (frames, Some(error)),
            Ok(None) if at == bytes.len() => return (frames, None),
            Ok(None) => {
                let length = pieces.get(piece).copied().unwrap_or(usize::MAX);
                let end = at.saturating_add(length).min(bytes.len());
                framer.buffer().extend_from_slice(&bytes[at..end]);
                (at, piece) = (end, piece + 1);
            }
        }
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Nil),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e9..1e9).prop_map(Value::F64),
        "[a-zé\\x00]{0,40}".prop_map(Value::from),
        prop::collection::vec(any::<u8>(), 0..70).prop_map(Value::Binary),
        (any::<i8>(), prop::collection::vec(any::<u8>(), 0..20))
            .prop_map(|(kind, bytes)| Value::Ext(kind, bytes)),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::vec((inner.clone(), inner), 0..5).prop_map(Value::Map),
        ]
    })
}

prop_compose! {
    fn any_record()(
        seconds in 1u32.., nanos in 0u32..1_000_000_000,
        fields in prop::collection::vec(("[a-z]{1,9}", value()), 0..4),
    ) -> Record {
        Record::new("a.b", EventTime { seconds, nanos }, fields)
    }
}

/// What looks like frames of the protocol and may be anything.
fn almost_frames() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..40),
        4 => value().prop_map(|value| encode(&value).to_vec()),
        2 => (value(), value(), value()).prop_map(|(second, third, option)| {
            encode(&array(vec!["a.b".into(), second, third, option])).to_vec()
        }),
        2 => any_record().prop_map(|record| {
            let (mut entries, mut frame) = (Vec::new(), Vec::new());
            write_entry(&record, &mut entries);
            write_packed("a.b", &deflate(&entries), 1, true, Some("c"), &mut frame);
            frame
        }),
    ];
    prop::collection::vec(part, 0..6).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn what_was_written_is_read_in_every_mode(
        all in prop::collection::vec(any_record(), 1..4), compress in any::<bool>(),
    ) {
        let (mut entries, mut frame) = (Vec::new(), Vec::new());
        for record in &all {
            write_entry(record, &mut entries);
        }
        let entries = if compress { deflate(&entries) } else { entries };
        write_packed("a.b", &entries, all.len() as u64, compress, Some("id"), &mut frame);
        let (read, chunk) = decode(&frame.into()).unwrap();
        prop_assert_eq!(read.iter().collect::<Vec<_>>(), all.clone());
        prop_assert_eq!((read.skipped(), chunk), (0, Some("id".into())));
        for chunk in [None, Some("id")] {
            let mut frame = Vec::new();
            write_message(&all[0], chunk, &mut frame);
            let (read, told) = decode(&frame.into()).unwrap();
            prop_assert_eq!(read.iter().collect::<Vec<_>>(), [all[0].clone()]);
            prop_assert_eq!(told, chunk.map(Value::from));
        }
    }

    #[test]
    fn a_stream_is_the_same_in_whatever_pieces_it_comes(
        bytes in almost_frames(), pieces in prop::collection::vec(1usize..30, 0..60),
    ) {
        prop_assert_eq!(cut(&bytes, &pieces), cut(&bytes, &[]));
    }

    #[test]
    fn whatever_comes_is_read_or_refused(bytes in almost_frames()) {
        for frame in cut(&bytes, &[]).0.into_iter().chain([Bytes::from(bytes.clone())]) {
            let limits = Limits { inflated: 1 << 16, ..Limits::default() };
            if let Ok(Frame::Events(events)) = Frame::decode(&frame, &limits)
                && let Ok(entries) = events.entries(&limits, ARRIVAL)
            {
                prop_assert_eq!(entries.iter().count(), entries.len());
                prop_assert!(entries.bytes() <= frame.len().max(limits.inflated));
            }
            let _ = read_ack(&frame);
        }
    }

    #[test]
    fn what_the_scanner_takes_is_what_the_library_takes(value in value()) {
        let bytes = encode(&value);
        let mut scanner = Scanner::new(1 << 20, 32, 1 << 20);
        prop_assert_eq!(scanner.advance(&bytes), Ok(Some(bytes.len())));
        let mut rest = &bytes[..];
        prop_assert_eq!(rmpv::decode::read_value(&mut rest).unwrap(), value);
    }
}
