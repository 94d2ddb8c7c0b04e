//! What a team may have its users see while a service is closed to them.

use crate::{Bytes, Span};

/// The longest page that is taken: every edge keeps it in memory.
pub const LONGEST_PAGE: Bytes = Bytes(256 << 10);

/// When it is worth coming again, where nobody says so.
pub const USUAL_RETRY_AFTER: Span = Span::secs(5 * 60);

/// The longest time after which somebody is told to come again: thirty days.
pub const LONGEST_RETRY_AFTER: Span = Span::secs(30 * 24 * 3600);

/// Why something cannot be shown; the message says what can.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMaintenance {
    /// The page is too long.
    #[error(
        "the page has {0} bytes, and at most {LONGEST_PAGE} are taken; have it load its pictures from elsewhere"
    )]
    PageTooLong(usize),
    /// The page is no text.
    #[error("the page holds the control character U+{0:04X}; it takes HTML, as UTF-8 text")]
    PageNoText(u32),
    /// No time, or too long.
    #[error("{0} is not a time to come again; it takes 1s to 720h")]
    RetryAfter(Span),
}

/// Whether a page can be shown.
///
/// # Errors
/// When it is longer than [`LONGEST_PAGE`], or no text.
pub fn check_page(page: &str) -> Result<(), InvalidMaintenance> {
    if page.len() as u64 > LONGEST_PAGE.0 {
        return Err(InvalidMaintenance::PageTooLong(page.len()));
    }
    let no_text = |c: &char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{c}');
    match page.chars().find(no_text) {
        Some(c) => Err(InvalidMaintenance::PageNoText(c.into())),
        None => Ok(()),
    }
}

/// The time after which somebody is told to come again, in whole seconds (RFC 9110 §10.2.3).
///
/// # Errors
/// When it is shorter than a second, or longer than [`LONGEST_RETRY_AFTER`].
pub fn retry_after(after: Span) -> Result<u32, InvalidMaintenance> {
    let refused = || InvalidMaintenance::RetryAfter(after);
    if after < Span::secs(1) || after > LONGEST_RETRY_AFTER {
        return Err(refused());
    }
    u32::try_from(after.duration().as_millis().div_ceil(1000)).map_err(|_| refused())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_text_of_a_bounded_length() {
        assert_eq!(check_page("<p>Zur\u{fc}ck um 9.</p>\r\n\t"), Ok(()));
        let longest = usize::try_from(LONGEST_PAGE.0).unwrap();
        assert_eq!(check_page(&"x".repeat(longest)), Ok(()));
        let long = check_page(&"x".repeat(longest + 1)).unwrap_err().to_string();
        assert!(long.contains("262145 bytes") && long.contains("256KiB"), "{long}");
        assert_eq!(check_page("a\0b"), Err(InvalidMaintenance::PageNoText(0)));
    }

    #[test]
    fn the_time_to_come_again_is_whole_seconds() {
        assert_eq!(retry_after(Span::millis(1500)), Ok(2));
        assert_eq!(retry_after(LONGEST_RETRY_AFTER), Ok(30 * 24 * 3600));
        for refused in [Span::millis(999), Span::secs(30 * 24 * 3600 + 1)] {
            let told = retry_after(refused).unwrap_err().to_string();
            assert!(told.contains("1s to 720h"), "{told}");
        }
    }
}
