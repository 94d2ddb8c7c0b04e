//! The three messages.

use rmp::encode::{write_array_len, write_bin, write_bool, write_map_len, write_str};
use rmpv::Value;

use super::HandshakeError;
use crate::wire::Scanner;

/// The elements of a message that begins with this word. The specification has strings in places where
/// Fluentd sends bytes; either is taken.
pub(super) fn elements(message: &[u8], word: &str) -> Result<Vec<Value>, HandshakeError> {
    let malformed = HandshakeError::Malformed;
    let limits = super::limits();
    let whole = Scanner::new(limits.frame, limits.depth, limits.values).advance(message)?;
    if whole != Some(message.len()) {
        return Err(malformed("its message is not whole"));
    }
    let value = rmpv::decode::read_value(&mut &message[..]);
    let Ok(Value::Array(elements)) = value else {
        return Err(malformed("its message is no array"));
    };
    if elements.first().and_then(Value::as_str) != Some(word) {
        return Err(malformed("its message is another one than that whose turn it is"));
    }
    Ok(elements)
}

/// The bytes of a string, or of bytes.
pub(super) fn bytes(value: Option<&Value>) -> Result<&[u8], HandshakeError> {
    match value {
        Some(Value::String(text)) => Ok(text.as_bytes()),
        Some(Value::Binary(bytes)) => Ok(bytes),
        _ => Err(HandshakeError::Malformed("a string is missing in its message")),
    }
}

/// `["HELO", {"nonce": …, "auth": …, "keepalive": …}]`; without a salt nobody has to be a user.
pub(super) fn helo(nonce: &[u8], salt: &[u8]) -> Vec<u8> {
    let mut to = Vec::with_capacity(96);
    // Writing into memory does not fail.
    let _ = write_array_len(&mut to, 2);
    let _ = write_str(&mut to, "HELO");
    let _ = write_map_len(&mut to, 3);
    let _ = write_str(&mut to, "nonce");
    let _ = write_bin(&mut to, nonce);
    let _ = write_str(&mut to, "auth");
    let _ = if salt.is_empty() { write_str(&mut to, "") } else { write_bin(&mut to, salt) };
    let _ = write_str(&mut to, "keepalive");
    let _ = write_bool(&mut to, true);
    to
}

/// `["PING", hostname, salt, digest of the key, user, digest of the password]`.
pub(super) fn ping(hostname: &str, salt: &str, key: &str, user: &str, password: &str) -> Vec<u8> {
    strings("PING", None, &[hostname, salt, key, user, password])
}

/// `["PONG", whether, why not, hostname, digest of the key]`.
pub(super) fn pong(well: bool, reason: &str, hostname: &str, key: &str) -> Vec<u8> {
    strings("PONG", Some(well), &[reason, hostname, key])
}

fn strings(word: &str, well: Option<bool>, strings: &[&str]) -> Vec<u8> {
    let mut to = Vec::with_capacity(320);
    let count = 1 + usize::from(well.is_some()) + strings.len();
    // Writing into memory does not fail, and there are six at most.
    let _ = write_array_len(&mut to, u32::try_from(count).unwrap_or(0));
    let _ = write_str(&mut to, word);
    if let Some(well) = well {
        let _ = write_bool(&mut to, well);
    }
    for string in strings {
        let _ = write_str(&mut to, string);
    }
    to
}
