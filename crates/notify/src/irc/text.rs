//! Text in lines that IRC carries: 512 bytes with everything that the server writes before and behind it.

/// The longest line, in bytes, with its end (RFC 2812, 2.3).
const LONGEST: usize = 512;
/// Into so many lines a text is taken apart at the most; what is longer is read elsewhere.
const MOST: usize = 4;
/// Less than any line has room for: no name of a channel or host is as long.
const LEAST: usize = 64;

/// Takes a text apart, between words where it can be, so that each part fits into a line behind `head`
/// (such as `PRIVMSG #c :`), when the server sends it on with `source` before it.
pub(crate) fn fitted(text: &str, source_length: usize, head: &str) -> Vec<String> {
    // ":source " before it, and the line's end.
    let taken = source_length + head.len() + 4;
    let room = LONGEST.saturating_sub(taken).max(LEAST);
    let mut parts = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        if rest.len() <= room {
            parts.push(rest.to_owned());
            break;
        }
        if parts.len() + 1 == MOST {
            let cut = rest.floor_char_boundary(room - '…'.len_utf8());
            parts.push(format!("{}…", rest[..cut].trim_end()));
            break;
        }
        let most = rest.floor_char_boundary(room);
        let (whole, behind) = rest.split_at(most);
        let between = behind.starts_with(' ').then_some(most).or_else(|| whole.rfind(' '));
        let cut = between.filter(|at| *at > room / 2);
        let (part, behind) = rest.split_at(cut.unwrap_or(most));
        parts.push(part.trim_end().to_owned());
        rest = behind.trim_start();
    }
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn long_text_is_parted_between_words() {
        let text = "word ".repeat(150);
        let parts = fitted(&text, 60, "PRIVMSG #c :");
        assert_eq!(parts.len(), 2);
        assert_eq!(parts.join(" "), text.trim());
        assert_eq!(fitted("short", 60, "PRIVMSG #c :"), ["short"]);
        assert!(fitted(&"word ".repeat(9000), 60, "PRIVMSG #c :")[MOST - 1].ends_with('…'));
        assert_eq!(fitted("  ", 60, "x"), Vec::<String>::new());
    }

    proptest! {
        #[test]
        fn every_part_fits_and_nothing_is_lost(text in "\\PC{0,900}", source in 0_usize..120) {
            let head = "PRIVMSG #deploys :";
            let parts = fitted(&text, source, head);
            for part in &parts {
                prop_assert!(part.len() + head.len() + source + 4 <= LONGEST);
            }
            prop_assert!(parts.len() <= MOST);
            let all = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            let told = all(&parts.concat());
            let told = told.trim_end_matches('…');
            prop_assert!(all(&text).starts_with(told));
        }
    }
}
