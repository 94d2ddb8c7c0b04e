//! What people ask.

use launcher_model::ServiceName;

use crate::words::{harmless, shortened};

/// The word that a question begins with in a channel.
const WORD: &str = "!launcher";
/// What can be asked.
pub(crate) const HELP: &str =
    "!launcher status [SERVICE] · !launcher history SERVICE · !launcher help";

/// One question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ask {
    /// How a service is, or all are.
    Status(Option<ServiceName>),
    /// What was deployed last.
    History(ServiceName),
    /// What can be asked.
    Help,
    /// Something else, and what to say to it.
    Wrong(String),
}

impl Ask {
    /// Reads a question; none when it is not for us. In private all is.
    pub(crate) fn parse(text: &str, private: bool) -> Option<Self> {
        // What clients ask each other (CTCP) is no question.
        if text.starts_with('\u{1}') {
            return None;
        }
        let mut words = text.split_whitespace().peekable();
        if words.peek().is_some_and(|word| word.eq_ignore_ascii_case(WORD)) {
            words.next();
        } else if !private || words.peek().is_none() {
            return None;
        }
        let verb = words.next().unwrap_or("help").to_ascii_lowercase();
        let named = words.next();
        Some(match (verb.as_str(), named) {
            ("help", _) => Self::Help,
            ("status", None) => Self::Status(None),
            ("status", Some(name)) => service(name, |name| Self::Status(Some(name))),
            ("history", Some(name)) => service(name, Self::History),
            ("history", None) => {
                Self::Wrong("of which service? !launcher history SERVICE".to_owned())
            }
            (other, _) => {
                let other = harmless(other).into_owned();
                Self::Wrong(format!("I do not know {:?}; {HELP}", shortened(&other, 30)))
            }
        })
    }
}

fn service(name: &str, ask: impl FnOnce(ServiceName) -> Ask) -> Ask {
    match ServiceName::new(name) {
        Ok(name) => ask(name),
        Err(_) => {
            let name = harmless(name).into_owned();
            Ask::Wrong(format!("{:?} is no name of a service", shortened(&name, 40)))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn questions_are_read() {
        let shop = || ServiceName::new("shop").unwrap();
        let channel = |text| Ask::parse(text, false);
        assert_eq!(channel("!launcher status shop"), Some(Ask::Status(Some(shop()))));
        assert_eq!(channel(" !Launcher  STATUS"), Some(Ask::Status(None)));
        assert_eq!(channel("!launcher history shop please"), Some(Ask::History(shop())));
        assert_eq!(channel("!launcher"), Some(Ask::Help));
        for nobody in ["", "hello", "launcher status", "!launchers status", "\u{1}VERSION\u{1}"] {
            assert_eq!(channel(nobody), None, "{nobody:?}");
        }
        assert!(
            matches!(channel("!launcher deploy shop"), Some(Ask::Wrong(why)) if why.contains("deploy"))
        );
        assert!(matches!(channel("!launcher status Sh!p"), Some(Ask::Wrong(_))));
        assert_eq!(Ask::parse("status shop", true), Some(Ask::Status(Some(shop()))));
        assert_eq!(Ask::parse("", true), None);
    }

    proptest! {
        #[test]
        fn whatever_is_said_is_answered_briefly(text in any::<String>(), private: bool) {
            if let Some(Ask::Wrong(answer)) = Ask::parse(&text, private) {
                prop_assert!(answer.chars().count() < 400 && !answer.contains(char::is_control));
            }
        }
    }
}
