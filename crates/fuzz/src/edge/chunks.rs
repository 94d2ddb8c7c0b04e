//! Bodies in chunks.

use launcher_edge::fuzz::BodyChunks;

use crate::pieces::alike;

/// What comes is taken in the same way in whatever pieces it comes; a body that ends is the one that a
/// plainer reader finds.
pub(crate) fn body_chunks(bytes: &[u8]) {
    let (good, body, _, behind) = alike(bytes, |pieces| {
        let mut read = BodyChunks::default();
        let good = pieces.iter().all(|piece| read.take(piece));
        (good, read.body, read.trailers, read.behind)
    });
    assert!(body.len() <= bytes.len());
    if good && behind.is_some() {
        assert_eq!(plainly(bytes).as_deref(), Some(&body[..]));
    }
}

/// RFC 9112 §7.1, word by word.
fn plainly(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n")?;
        let digits = rest[..end].iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let digits = std::str::from_utf8(&rest[..digits]).ok()?;
        let size = usize::from_str_radix(digits, 16).ok()?;
        rest = &rest[end + 2..];
        if size == 0 {
            return Some(body);
        }
        let (data, behind) = rest.split_at_checked(size)?;
        body.extend_from_slice(data);
        rest = behind.strip_prefix(b"\r\n")?;
    }
}
