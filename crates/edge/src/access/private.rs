//! What is no log's business.

use std::borrow::Cow;

use crate::table::TRY_PARAMETER;

/// A path or a whole address, without the passes that try a version, and without its query when that is
/// not told.
pub(super) fn address(text: Cow<'_, str>, query: bool) -> Cow<'_, str> {
    let Some(mark) = text.find('?') else { return text };
    if !query {
        return match text {
            Cow::Borrowed(text) => Cow::Borrowed(&text[..mark]),
            Cow::Owned(text) => Cow::Owned(text[..mark].to_owned()),
        };
    }
    if !text[mark..].contains(TRY_PARAMETER) {
        return text;
    }
    let mut kept = text[..mark].to_owned();
    let mut joint = '?';
    for pair in text[mark + 1..].split('&').filter(|pair| !is_pass(pair)) {
        kept.push(joint);
        kept.push_str(pair);
        joint = '&';
    }
    Cow::Owned(kept)
}

/// Whether it is the parameter of a link that tries a version. A part that a link was cut to is one, too.
fn is_pass(pair: &str) -> bool {
    pair.strip_prefix(TRY_PARAMETER).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_are_left_out_of_addresses_and_queries_where_they_shall_be() {
        for (text, with, without) in [
            ("/", "/", "/"),
            ("/a?b=c&d", "/a?b=c&d", "/a"),
            ("/a?launcher-try=v2.secret", "/a", "/a"),
            ("/a?b&launcher-try=v2.secret&launcher-try=&c", "/a?b&c", "/a"),
            (
                "http://shop.test/?launcher-try=v2.secret#top",
                "http://shop.test/",
                "http://shop.test/",
            ),
            ("/a?launcher-trying=b", "/a?launcher-trying=b", "/a"),
            ("/launcher-try=v2?c", "/launcher-try=v2?c", "/launcher-try=v2"),
        ] {
            assert_eq!(address(text.into(), true), with, "{text}");
            assert_eq!(address(text.into(), false), without, "{text}");
            assert_eq!(address(text.to_owned().into(), false), without, "{text}");
        }
    }
}
