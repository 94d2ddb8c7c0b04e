//! Times, sections *EventTime Ext Format* and *Event Modes*.

use rmp::Marker;

use super::Scanner;
use crate::EventTime;

/// How deep metadata may be nested, and of how many values it may consist.
const METADATA: usize = 32;
const MOST_METADATA: usize = 1024;

/// The type of the extension.
const EVENT_TIME: i8 = 0;

/// The time that these bytes are, which are one MessagePack value; none when they are no time.
///
/// As in Fluentd, a time that is nil or 0 is that of its arrival. A fraction is taken as well, which
/// clients in languages without integers send. Fluent Bit may have `[time, metadata]` in its place,
/// section *Entry* of version 1.5 of the specification.
pub(super) fn read(bytes: &[u8], arrival: EventTime) -> Option<EventTime> {
    let (&marker, rest) = bytes.split_first()?;
    let time = match Marker::from_u8(marker) {
        Marker::FixPos(seconds) => whole(seconds.into()),
        Marker::U8 | Marker::U16 | Marker::U32 | Marker::U64 => whole(number(rest)),
        // Positive ones: some clients write all integers as signed.
        Marker::I8 | Marker::I16 | Marker::I32 | Marker::I64 if *rest.first()? < 0x80 => {
            whole(number(rest))
        }
        Marker::F64 => fraction(f64::from_be_bytes(*rest.first_chunk()?)),
        Marker::F32 => fraction(f32::from_be_bytes(*rest.first_chunk()?).into()),
        Marker::FixExt8 => extension(rest),
        Marker::Ext8 if rest.first() == Some(&8) => extension(rest.get(1..)?),
        Marker::Null => Some(EventTime::default()),
        Marker::FixArray(2) if is_scalar(*rest.first()?) => {
            read(rest.get(..length(rest)?)?, arrival)
        }
        _ => None,
    }?;
    Some(if time == EventTime::default() { arrival } else { time })
}

/// Whether a value that begins with this byte may be a time in an entry, and not metadata or records.
pub(super) fn is_scalar(marker: u8) -> bool {
    use Marker as M;
    matches!(
        Marker::from_u8(marker),
        M::FixPos(_)
            | M::U8
            | M::U16
            | M::U32
            | M::U64
            | M::I8
            | M::I16
            | M::I32
            | M::I64
            | M::FixNeg(_)
            | M::F32
            | M::F64
            | M::FixExt8
            | M::Ext8
            | M::Null
    )
}

/// How long the value at the beginning of these bytes is, where it may be a time.
pub(super) fn length(bytes: &[u8]) -> Option<usize> {
    let length = match Marker::from_u8(*bytes.first()?) {
        Marker::FixPos(_) | Marker::FixNeg(_) | Marker::Null => 1,
        Marker::U8 | Marker::I8 => 2,
        Marker::U16 | Marker::I16 => 3,
        Marker::U32 | Marker::I32 | Marker::F32 => 5,
        Marker::U64 | Marker::I64 | Marker::F64 => 9,
        Marker::FixExt8 => 10,
        Marker::Ext8 => 3 + usize::from(*bytes.get(1)?),
        Marker::FixArray(2) => {
            let mut scanner = Scanner::new(bytes.len(), METADATA, MOST_METADATA);
            scanner.advance(bytes).ok()??
        }
        _ => return None,
    };
    (length <= bytes.len()).then_some(length)
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn whole(seconds: u64) -> Option<EventTime> {
    EventTime::new(u32::try_from(seconds).ok()?, 0)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is in range")]
fn fraction(seconds: f64) -> Option<EventTime> {
    if !(0.0..=f64::from(u32::MAX)).contains(&seconds) {
        return None;
    }
    EventTime::new(seconds as u32, (seconds.fract() * 1e9) as u32)
}

/// The type, seconds, and nanoseconds.
fn extension(bytes: &[u8]) -> Option<EventTime> {
    let bytes: &[u8; 9] = bytes.first_chunk()?;
    let [kind, s0, s1, s2, s3, n0, n1, n2, n3] = *bytes;
    if kind.cast_signed() != EVENT_TIME {
        return None;
    }
    EventTime::new(u32::from_be_bytes([s0, s1, s2, s3]), u32::from_be_bytes([n0, n1, n2, n3]))
}

/// Adds a time, as the extension in its fixed form.
pub(super) fn write(time: EventTime, to: &mut Vec<u8>) {
    let [s0, s1, s2, s3] = time.seconds.to_be_bytes();
    let [n0, n1, n2, n3] = time.nanos.to_be_bytes();
    to.extend_from_slice(&[Marker::FixExt8.to_u8(), 0, s0, s1, s2, s3, n0, n1, n2, n3]);
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARRIVAL: EventTime = EventTime { seconds: 7, nanos: 5 };

    #[test]
    fn times_are_read_in_every_form() {
        let at = |seconds, nanos| EventTime::new(seconds, nanos);
        for (bytes, time) in [
            (&b"\x05"[..], at(5, 0)),
            (b"\xce\x5f\0\0\0", at(0x5f00_0000, 0)),
            (b"\xcf\0\0\0\0\x5f\0\0\0", at(0x5f00_0000, 0)),
            (b"\xd3\0\0\0\0\x5f\0\0\0", at(0x5f00_0000, 0)),
            (b"\xd2\x5f\0\0\0", at(0x5f00_0000, 0)),
            (b"\xd7\0\x5f\0\0\0\0\0\0\x09", at(0x5f00_0000, 9)),
            (b"\xc7\x08\0\x5f\0\0\0\0\0\0\x09", at(0x5f00_0000, 9)),
            (b"\xcb\x3f\xf8\0\0\0\0\0\0", at(1, 500_000_000)),
            (b"\x92\xd7\0\x5f\0\0\0\0\0\0\x09\x80", at(0x5f00_0000, 9)),
            (b"\0", Some(ARRIVAL)),
            (b"\xc0", Some(ARRIVAL)),
            (b"\xd7\0\0\0\0\0\0\0\0\0", Some(ARRIVAL)),
            (b"\xff", None),
            (b"\xd3\xff\0\0\0\x5f\0\0\0", None),
            (b"\xcf\0\0\0\x01\0\0\0\0", None),
            (b"\xd7\x01\x5f\0\0\0\0\0\0\x09", None),
            (b"\xd7\0\x5f\0\0\0\xff\0\0\x09", None),
            (b"\xa11", None),
            (b"\xcb\x7f\xf8\0\0\0\0\0\0", None),
        ] {
            assert_eq!(read(bytes, ARRIVAL), time, "{bytes:x?}");
        }
    }

    #[test]
    fn a_time_that_was_written_is_read() {
        let time = EventTime { seconds: u32::MAX, nanos: 999_999_999 };
        let mut bytes = Vec::new();
        write(time, &mut bytes);
        assert_eq!(read(&bytes, ARRIVAL), Some(time));
    }
}
