//! What can go wrong on the way to a certificate.

use launcher_edge::UnusableCertificate;

/// Why there is no certificate, in words for the page that shows it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The authority could not be asked.
    #[error(
        "the authority cannot be reached: {0}; see that this machine reaches the directory of [acme]"
    )]
    Away(String),
    /// It takes too long.
    #[error("the authority has not answered within {0} s; it is asked again later")]
    Slow(u64),
    /// It refused.
    #[error("the authority refused: {0}")]
    Refused(String),
    /// It could not convince itself that a name is ours.
    #[error(
        "the authority did not accept that {name} is served here: {why}; see that the name leads to the edges, and that they serve HTTP on port 80"
    )]
    NotOurs {
        /// The name.
        name: String,
        /// What it said.
        why: String,
    },
    /// What it issued is of no use.
    #[error("the authority issued a certificate that cannot be used: {0}")]
    Unusable(#[from] UnusableCertificate),
    /// It issued one for other names.
    #[error("the authority issued a certificate that is not for {0}")]
    OtherNames(String),
    /// It offers no way that is gone here.
    #[error("the authority does not offer to check {0} by HTTP (http-01)")]
    NoChallenge(String),
    /// A key could not be made.
    #[error("no key could be made: {0}")]
    Key(#[from] rcgen::Error),
    /// The account cannot be read.
    #[error("the account at the authority cannot be read: {0}")]
    Account(#[from] serde_json::Error),
    /// The client cannot be built.
    #[error("[acme] ca_file cannot be used: {0}")]
    Setting(String),
    /// The database failed.
    #[error("{0}")]
    Store(#[from] launcher_store::Error),
}

impl From<instant_acme::Error> for Error {
    fn from(error: instant_acme::Error) -> Self {
        use instant_acme::Error as Acme;
        match error {
            Acme::Api(problem) => Self::Refused(words(&problem)),
            Acme::Timeout(_) => Self::Slow(crate::order::WITHIN.as_secs()),
            Acme::Other(why) => Self::Away(why.to_string()),
            other => Self::Refused(other.to_string()),
        }
    }
}

/// What an authority says, with the kind of problem, and what it says of single names.
pub(crate) fn words(problem: &instant_acme::Problem) -> String {
    let kind = problem.r#type.as_deref().unwrap_or_default();
    let kind = kind.strip_prefix("urn:ietf:params:acme:error:").unwrap_or(kind);
    let detail = problem.detail.as_deref().unwrap_or("it gave no reason");
    let mut words = if kind.is_empty() { detail.to_owned() } else { format!("{detail} ({kind})") };
    for sub in problem.subproblems.iter().filter_map(|sub| sub.detail.as_deref()) {
        words.push_str("; ");
        words.push_str(sub);
    }
    words.chars().filter(|c| !c.is_control()).take(LONGEST).collect()
}

/// As much of an authority's words as is kept, in characters.
const LONGEST: usize = 600;
