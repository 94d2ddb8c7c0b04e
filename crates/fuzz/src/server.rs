//! What browsers send to the server.

use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use launcher_server::fuzz;

/// Lines of header fields: a form that a browser says is another site's is never taken for our own.
pub(crate) fn forms(bytes: &[u8]) {
    let pairs = bytes.split(|byte| *byte == b'\n').filter_map(|line| {
        let at = line.iter().position(|byte| *byte == b':')?;
        let value = HeaderValue::from_bytes(line[at + 1..].trim_ascii()).ok()?;
        Some((HeaderName::from_bytes(&line[..at]).ok()?, value))
    });
    let mut headers: HeaderMap = pairs.collect();
    let host = "launcher.example.com";
    headers.insert("host", HeaderValue::from_static(host));
    let elsewhere = fuzz::comes_from_elsewhere(&headers);
    let says = |name: &str| headers.get(name).map(HeaderValue::as_bytes);
    match (says("sec-fetch-site"), says("origin")) {
        (Some(site), _) => assert_eq!(elsewhere, !matches!(site, b"same-origin" | b"none")),
        (None, Some(origin)) => {
            let ours = ["http", "https"].map(|scheme| format!("{scheme}://{host}"));
            let is_ours = ours.iter().any(|ours| ours.as_bytes() == origin);
            // Schemes are no secret of another site.
            let ends = origin.ends_with(format!("://{host}").as_bytes());
            assert!(elsewhere || is_ours || ends, "{origin:?}");
        }
        (None, None) => assert!(!elsewhere),
    }
}

/// An address of a graph is made anew as one that means the same; what is signed of an address is its
/// beginning.
pub(crate) fn graph_addresses(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some((signed, signature)) = fuzz::signed_part(text) {
        assert!(text.starts_with(signed) && text.ends_with(signature));
        assert!(signed.len() + signature.len() + "signature=".len() + 1 >= text.len());
    }
    let Ok(uri) = Uri::try_from(text) else { return };
    let Some(path) = fuzz::drawn_again(&uri) else { return };
    let again = Uri::try_from(&path).ok().and_then(|uri| fuzz::drawn_again(&uri));
    assert_eq!(again, Some(path));
}
