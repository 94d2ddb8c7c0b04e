use super::*;
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{Frame, FrameHeader};

const REASON: &str = "another version is live";

/// A frame as the foreign library writes it.
fn frame(opcode: OpCode, last: bool, mask: bool, length: usize) -> Vec<u8> {
    let mask = mask.then_some([1, 2, 3, 4]);
    let header = FrameHeader { is_final: last, opcode, mask, ..FrameHeader::default() };
    let frame = Frame::from_payload(header, vec![7; length].into());
    let mut wire = Vec::new();
    frame.format(&mut wire).unwrap();
    wire
}

#[test]
fn messages_end_with_their_last_fragment() {
    let text = frame(OpCode::Data(Data::Text), false, false, 10);
    let ping = frame(OpCode::Control(Control::Ping), true, false, 0);
    let rest = frame(OpCode::Data(Data::Continue), true, false, 300);
    let mut frames = Frames::default();
    assert_eq!(frames.whole_messages(&[]), Some(0));
    frames.follow(&text);
    assert!(frames.is_between_frames());
    assert_eq!(frames.whole_messages(&ping), None, "a control frame ends no message");
    frames.follow(&ping);
    assert_eq!(frames.whole_messages(&[&rest[..], &text[..3]].concat()), Some(rest.len()));
    assert_eq!(frames.whole_messages(&rest[..rest.len() - 1]), None);
}

#[test]
fn behind_a_close_nothing_is_put_in() {
    let mut frames = Frames::default();
    let close = close_for_client(REASON);
    assert_eq!(frames.whole_messages(&close), None);
    frames.follow(&close[..close.len() - 1]);
    assert!(!frames.is_closed());
    frames.follow(&close[close.len() - 1..]);
    assert!(frames.is_closed());
    assert_eq!(frames.whole_messages(&[]), None);
}

#[test]
fn a_foreign_reader_understands_the_close_frames() {
    let mut rng = SmallRng::seed_from_u64(1);
    for (wire, masked) in
        [(close_for_client(REASON), false), (close_for_container(REASON, &mut rng), true)]
    {
        let mut cursor = std::io::Cursor::new(&wire);
        let (header, length) = FrameHeader::parse(&mut cursor).unwrap().unwrap();
        let mut payload = wire[usize::try_from(cursor.position()).unwrap()..].to_vec();
        assert_eq!(payload.len() as u64, length);
        assert_eq!(header.mask.is_some(), masked);
        for (byte, mask) in payload.iter_mut().zip(header.mask.unwrap_or_default().iter().cycle()) {
            *byte ^= mask;
        }
        assert_eq!(header.opcode, OpCode::Control(Control::Close));
        assert_eq!(payload[..2], u16::from(CloseCode::Away).to_be_bytes());
        assert_eq!(&payload[2..], REASON.as_bytes());
    }
}

proptest! {
    /// However the bytes are cut, a place between messages is found exactly where one is.
    #[test]
    fn it_does_not_matter_how_frames_are_cut(
        messages in prop::collection::vec((prop::collection::vec(0usize..70_000, 1..4), any::<bool>()), 1..6),
        cuts in prop::collection::vec(1usize..9_000, 0..40),
    ) {
        let mut wire = Vec::new();
        let mut ends = vec![0];
        for (fragments, mask) in &messages {
            for (n, length) in fragments.iter().enumerate() {
                let opcode = if n == 0 { Data::Binary } else { Data::Continue };
                let last = n + 1 == fragments.len();
                wire.extend(frame(OpCode::Data(opcode), last, *mask, *length));
            }
            ends.push(wire.len());
        }
        let (mut frames, mut at) = (Frames::default(), 0);
        for cut in cuts.into_iter().chain([wire.len()]) {
            let to = (at + cut).min(wire.len());
            let whole = frames.whole_messages(&wire[at..to]).map(|whole| at + whole);
            let expected = ends.iter().copied().filter(|end| (at..=to).contains(end)).max();
            prop_assert_eq!(whole, expected);
            frames.follow(&wire[at..to]);
            at = to;
        }
        prop_assert!(frames.is_between_messages());
    }
}
