//! What an environment has that production has not.

use launcher_model::service::differences;
use launcher_model::version::Version;

use crate::words::count;

/// How a version differs from the one that is live: for each, a word, and the names on demand. Values
/// are not shown.
pub(crate) struct Compared {
    pub(crate) image: &'static str,
    pub(crate) settings: String,
    pub(crate) settings_names: String,
    pub(crate) secrets: String,
    pub(crate) secrets_names: String,
}

impl Compared {
    pub(crate) fn new(live: &Version, beside: &Version) -> Self {
        let settings: Vec<String> = differences(Some(&live.spec), &beside.spec)
            .into_iter()
            .map(|difference| difference.path)
            .collect();
        let variables = live.secrets.keys().chain(beside.secrets.keys());
        let secrets: std::collections::BTreeSet<_> = variables
            .filter(|variable| live.secrets.get(*variable) != beside.secrets.get(*variable))
            .cloned()
            .collect();
        let secrets: Vec<String> = secrets.into_iter().collect();
        Self {
            image: if live.image.digest == beside.image.digest { "same" } else { "new" },
            settings: changed(settings.len()),
            settings_names: settings.join(", "),
            secrets: changed(secrets.len()),
            secrets_names: secrets.join(", "),
        }
    }
}

fn changed(number: usize) -> String {
    if number == 0 { "same".to_owned() } else { count(number, "changed", "changed") }
}
