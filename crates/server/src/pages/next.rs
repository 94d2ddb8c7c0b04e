//! Where one is led after signing in: back to the page of ours that one came for.

use super::login;

/// The longest address that one is led back to.
const LONGEST: usize = 1_000;

/// The sign-in page that leads back to a page afterwards, with what it is asked for.
pub(super) fn path_from(page: &str) -> String {
    // Paths that the router knows need no escaping; of others the beginning is enough.
    if page == "/" || !is_plain(page) {
        login::PATH.to_owned()
    } else {
        leading_to(login::PATH, page)
    }
}

/// An address that is told where to lead.
pub(super) fn leading_to(address: &str, next: &str) -> String {
    let next = next.replace('%', "%25").replace('&', "%26").replace('+', "%2B");
    format!("{address}?next={next}")
}

/// A page of ours that one may be led to: a path, perhaps with a query, and nothing that could mean another server
/// or end a cookie.
pub(super) fn is_plain(page: &str) -> bool {
    let (path, query) = page.split_once('?').unwrap_or((page, ""));
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-');
    let asked = |byte: u8| plain(byte) || b"=&%+._~*:@!".contains(&byte);
    let is_path = path.starts_with('/') && !path.starts_with("//") && path.bytes().all(plain);
    is_path && query.bytes().all(asked) && page.len() <= LONGEST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_led_back_to_pages_of_ours_only() {
        assert_eq!(path_from("/services/shop-2"), "/login?next=/services/shop-2");
        assert_eq!(path_from("/"), "/login");
        assert_eq!(
            path_from("/services/shop/versions/1?find=a%20b&container=x"),
            "/login?next=/services/shop/versions/1?find=a%2520b%26container=x"
        );
        for foreign in [
            "//evil.example.com",
            "https://evil.example.com",
            "/\\evil",
            "//evil?a",
            "/a?b;c",
            "/a?b\"",
            "/a?b\\",
            "a",
            "/%2f",
        ] {
            assert_eq!(path_from(foreign), "/login", "{foreign}");
        }
    }
}
