//! Why a sign-in does not get through the provider.

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The settings cannot be used.
    #[error("{0}")]
    Setting(String),
    /// The provider does not answer, or not as one does.
    #[error("the provider at {issuer} cannot be used now: {why}")]
    Away {
        /// Which one.
        issuer: String,
        /// Why.
        why: String,
    },
    /// It answers, and does not take the code.
    #[error("the provider does not take what it gave out: {0}")]
    Refused(String),
    /// What it says of somebody is not to be believed.
    #[error("what the provider says is not to be believed: {0}")]
    Untrue(String),
}

/// An error with what caused it, as one sentence.
pub(crate) fn whole(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let more = inner.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = inner.source();
    }
    harmless(&text)
}

/// What others say, short and on one line.
pub(crate) fn harmless(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(LONGEST).collect()
}

/// So much is repeated of what others say, in characters.
const LONGEST: usize = 400;
