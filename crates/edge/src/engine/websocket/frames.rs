//! Where one message ends and the next begins in a stream of WebSocket frames (RFC 6455 §5.2), told from
//! the frames' headers alone.

use rand::{Rng, RngExt};

/// The longest header: two bytes, a length of eight, a mask of four.
const LONGEST_HEADER: usize = 14;

const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;
const CLOSE: u8 = 0x8;

/// Its client is to come again: "an endpoint is going away" (RFC 6455 §7.4.1).
const GOING_AWAY: u16 = 1001;

/// A place in one direction's frames.
#[derive(Debug, Clone, Default)]
pub(in crate::engine) struct Frames {
    header: [u8; LONGEST_HEADER],
    /// So many bytes of the header have passed.
    passed: usize,
    /// So many bytes of the frame's payload are to come.
    payload: u64,
    /// A message has begun whose last fragment has not.
    fragmented: bool,
    closed: bool,
}

impl Frames {
    /// Goes on behind these bytes.
    pub(in crate::engine) fn follow(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            bytes = self.step(bytes);
        }
    }

    /// How many of these bytes, which come next, belong to messages that end in them. `None` when no
    /// message ends before or in them, or when the conversation has been closed.
    pub(in crate::engine) fn whole_messages(&self, bytes: &[u8]) -> Option<usize> {
        let mut ahead = self.clone();
        let mut rest = bytes;
        let mut whole = ahead.is_between_messages().then_some(0);
        while !rest.is_empty() {
            rest = ahead.step(rest);
            if ahead.is_between_messages() {
                whole = Some(bytes.len() - rest.len());
            }
        }
        whole.filter(|_| !ahead.closed)
    }

    /// Whether a frame that has begun has ended; another one may be put in here.
    pub(in crate::engine) fn is_between_frames(&self) -> bool {
        self.passed == 0
    }

    /// Whether a whole Close frame has passed.
    pub(in crate::engine) fn is_closed(&self) -> bool {
        self.closed
    }

    fn is_between_messages(&self) -> bool {
        self.is_between_frames() && !self.fragmented
    }

    /// Takes a piece of a header or of a payload.
    fn step<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        if self.payload > 0 {
            let here = usize::try_from(self.payload).unwrap_or(usize::MAX).min(bytes.len());
            self.payload -= here as u64;
            self.end_if_over();
            return &bytes[here..];
        }
        let here = match bytes.first_chunk::<LONGEST_HEADER>() {
            // The most usual case, and the quickest.
            Some(next) if self.passed == 0 => {
                self.header = *next;
                self.passed = 2;
                self.passed = self.header_length();
                self.passed
            }
            _ => self.take_header(bytes),
        };
        if self.passed == self.header_length() {
            self.payload = self.payload_length();
            self.end_if_over();
        }
        &bytes[here..]
    }

    fn take_header(&mut self, bytes: &[u8]) -> usize {
        let here = (self.header_length() - self.passed).min(bytes.len());
        self.header[self.passed..self.passed + here].copy_from_slice(&bytes[..here]);
        self.passed += here;
        here
    }

    /// As far as it is known: what says more has not passed yet.
    fn header_length(&self) -> usize {
        if self.passed < 2 {
            return 2;
        }
        let length = match self.header[1] & !MASKED {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        2 + length + if self.header[1] & MASKED == 0 { 0 } else { 4 }
    }

    fn payload_length(&self) -> u64 {
        let read = |bytes: &[u8]| bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        match self.header[1] & !MASKED {
            126 => read(&self.header[2..4]),
            127 => read(&self.header[2..10]),
            short => u64::from(short),
        }
    }

    fn end_if_over(&mut self) {
        if self.payload > 0 {
            return;
        }
        self.passed = 0;
        let opcode = self.header[0] & 0x0F;
        if opcode < CLOSE {
            self.fragmented = self.header[0] & FINAL == 0;
        }
        self.closed |= opcode == CLOSE;
    }
}

/// The frame that tells a client to come again (RFC 6455 §5.5.1). Its `onclose` gets the reason, of at most
/// 123 bytes.
pub(super) fn close_for_client(reason: &str) -> Vec<u8> {
    let payload = [&GOING_AWAY.to_be_bytes()[..], reason.as_bytes()].concat();
    let mut frame = vec![FINAL | CLOSE, u8::try_from(payload.len()).unwrap_or(0)];
    frame.extend_from_slice(&payload);
    frame
}

/// The same for a container: what comes from a client's side is masked (RFC 6455 §5.3).
pub(super) fn close_for_container(reason: &str, rng: &mut impl Rng) -> Vec<u8> {
    let mut frame = close_for_client(reason);
    let mask: [u8; 4] = rng.random();
    frame[1] |= MASKED;
    for (byte, mask) in frame[2..].iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
    frame.splice(2..2, mask);
    frame
}

#[cfg(test)]
mod tests;
