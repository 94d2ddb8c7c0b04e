//! Lines of IRC: RFC 1459 and 2812, and the tags of IRCv3, which are passed over.

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message<'a> {
    /// Who sent it: a server, or `nick!user@host`.
    pub(crate) source: Option<&'a str>,
    /// A word or three digits.
    pub(crate) command: &'a str,
    /// What belongs to it.
    pub(crate) params: Vec<&'a str>,
}

/// The most parameters that a message has.
const PARAMS: usize = 15;

impl<'a> Message<'a> {
    /// Reads a line without its end; none when it is no message.
    pub(crate) fn parse(line: &'a str) -> Option<Self> {
        let line = line.trim_end_matches(['\r', '\n']);
        let line = match line.strip_prefix('@') {
            Some(tagged) => tagged.split_once(' ')?.1.trim_start_matches(' '),
            None => line,
        };
        let (source, line) = match line.strip_prefix(':') {
            Some(sent) => {
                let (source, rest) = sent.split_once(' ')?;
                (Some(source), rest.trim_start_matches(' '))
            }
            None => (None, line),
        };
        let (command, mut rest) = line.split_once(' ').unwrap_or((line, ""));
        if command.is_empty() || !command.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        let mut params = Vec::new();
        loop {
            rest = rest.trim_start_matches(' ');
            if let Some(last) = rest.strip_prefix(':') {
                params.push(last);
                break;
            }
            if rest.is_empty() {
                break;
            }
            if params.len() + 1 == PARAMS {
                params.push(rest);
                break;
            }
            let (param, behind) = rest.split_once(' ').unwrap_or((rest, ""));
            params.push(param);
            rest = behind;
        }
        Some(Self { source, command, params })
    }

    /// A parameter; empty when there is none.
    pub(crate) fn param(&self, index: usize) -> &'a str {
        self.params.get(index).copied().unwrap_or_default()
    }

    /// The last parameter, which is often a sentence.
    pub(crate) fn last(&self) -> &'a str {
        self.params.last().copied().unwrap_or_default()
    }

    /// The nick of who sent it.
    pub(crate) fn nick(&self) -> &'a str {
        let source = self.source.unwrap_or_default();
        source.split(['!', '@']).next().unwrap_or_default()
    }
}

/// A nick or channel in the form in which two that are the same are equal (RFC 2812, 2.2).
pub(crate) fn folded(name: &str) -> String {
    let fold = |c: char| match c {
        '[' => '{',
        ']' => '}',
        '\\' => '|',
        '~' => '^',
        c => c.to_ascii_lowercase(),
    };
    name.chars().map(fold).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parts(line: &str) -> Option<(Option<&str>, &str, Vec<&str>)> {
        Message::parse(line).map(|message| (message.source, message.command, message.params))
    }

    #[test]
    fn lines_are_read() {
        assert_eq!(parts("PING :a b\r"), Some((None, "PING", vec!["a b"])));
        assert_eq!(
            parts("@time=1;x :al!u@h PRIVMSG  #c :: !launcher  status"),
            Some((Some("al!u@h"), "PRIVMSG", vec!["#c", ": !launcher  status"]))
        );
        assert_eq!(
            parts(":s 353 me = #c :@a +b "),
            Some((Some("s"), "353", vec!["me", "=", "#c", "@a +b "]))
        );
        assert_eq!(parts(":s 001 me"), Some((Some("s"), "001", vec!["me"])));
        for nonsense in ["", ":", ":only", "@tags", ": ", "PR?VMSG x", "  "] {
            assert_eq!(parts(nonsense), None, "{nonsense:?}");
        }
        assert_eq!(Message::parse(":al!u@h QUIT").unwrap().nick(), "al");
        assert_eq!(folded("#Shop[~]"), "#shop{^}");
    }

    proptest! {
        #[test]
        fn nothing_that_is_read_breaks_it(line in any::<String>()) {
            if let Some(message) = Message::parse(&line) {
                prop_assert!(message.params.len() <= PARAMS && !message.command.is_empty());
                let _ = (message.nick(), message.last(), folded(&line));
            }
        }

        #[test]
        fn what_is_written_is_read(
            command in "[A-Z]{1,10}",
            params in prop::collection::vec("[a-z#][a-z:]{0,9}", 0..14),
            last in "[^\r\n\0]{0,80}",
        ) {
            let middle: String = params.iter().map(|param| format!(" {param}")).collect();
            let line = format!(":a!b@c {command}{middle} :{last}");
            let message = Message::parse(&line).unwrap();
            prop_assert_eq!(message.command, command);
            prop_assert_eq!(&message.params[..params.len()], &params[..]);
            prop_assert_eq!(message.last(), last);
        }
    }
}
