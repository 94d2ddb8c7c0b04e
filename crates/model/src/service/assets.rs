//! Files that the pages of one version ask of another one: what a service's `[assets]` says.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::check::Faults;
use super::{ServiceSpec, path};
use crate::Span;

/// As many prefixes as a service may name.
const MOST_PREFIXES: usize = 100;
/// The longest time that is taken.
const LONGEST: Span = Span::secs(7 * 24 * 3600);

/// Files whose names change with their contents: a page that one version has served asks for them when
/// another version is live. What one version does not have is looked for in the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Assets {
    /// What their paths begin with. Each begins and ends with `/`.
    #[schema(example = json!(["/assets/", "/static/"]))]
    pub prefixes: Vec<String>,
    /// For how long a version that left is asked, while its containers run.
    #[serde(default = "ten_minutes")]
    pub keep: Span,
}

fn ten_minutes() -> Span {
    Span::secs(600)
}

impl ServiceSpec {
    pub(super) fn check_assets(&self, faults: &mut Faults) {
        let Some(assets) = &self.assets else { return };
        if assets.prefixes.is_empty() {
            let least = "name one at the least, such as [\"/assets/\"], or leave [assets] out";
            faults.add("assets.prefixes", least.into());
        }
        if assets.prefixes.len() > MOST_PREFIXES {
            faults.add("assets.prefixes", format!("at most {MOST_PREFIXES} prefixes"));
        }
        for (i, prefix) in assets.prefixes.iter().enumerate() {
            if let Some(why) = fault_of(prefix) {
                faults.add(&format!("assets.prefixes[{i}]"), format!("{prefix:?}: {why}"));
            }
        }
        if assets.keep < Span::secs(1) || assets.keep > LONGEST {
            faults.add("assets.keep", format!("1s to {LONGEST}"));
        }
    }
}

fn fault_of(prefix: &str) -> Option<&'static str> {
    if prefix == "/" {
        return Some("name the folders of files alone; pages that are gone would come back");
    }
    let folder = prefix.starts_with('/') && prefix.ends_with('/');
    if !folder || !prefix.bytes().all(path::may_be_written) || prefix.len() > 2048 {
        return Some("write a path that begins and ends with '/', such as \"/assets/\"");
    }
    path::fault_of(prefix)
}

#[cfg(test)]
mod tests {
    use crate::service::{FileError, ServiceSpec, read, write, write_briefly};

    fn spec(assets: &str) -> Result<ServiceSpec, FileError> {
        let least = "service = { name = \"shop\", port = 80 }\n";
        read("launcher.toml", &format!("{least}[assets]\n{assets}\n"))
    }

    #[test]
    fn what_is_said_is_read_and_written_as_the_same() {
        let said = spec("prefixes = [\"/assets/\", \"/static/js/\"]").unwrap();
        let assets = said.assets.as_deref().unwrap();
        assert_eq!(assets.prefixes, ["/assets/", "/static/js/"]);
        assert_eq!(assets.keep.to_string(), "10m");
        for written in [write(&said), write_briefly(&said)] {
            assert!(written.contains("[assets]"), "{written}");
            assert_eq!(read("launcher.toml", &written).unwrap(), said, "{written}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_line() {
        for (assets, line, says) in [
            ("prefixes = []", 3, "name one at the least"),
            ("keep = \"1m\"", 2, "missing field `prefixes`"),
            ("prefixes = [\"/assets/\",\n\"/\"]", 4, "pages that are gone would come back"),
            ("prefixes = [\"assets/\"]", 3, "begins and ends with '/'"),
            ("prefixes = [\"/assets\"]", 3, "begins and ends with '/'"),
            ("prefixes = [\"/a b/\"]", 3, "begins and ends with '/'"),
            ("prefixes = [\"/a/../b/\"]", 3, "\"..\" between slashes"),
            ("prefixes = [\"/a//b/\"]", 3, "without \"//\""),
            ("prefixes = [\"/a/\"]\nkeep = \"10ms\"", 4, "1s to 7d"),
            ("prefixes = [\"/a/\"]\nkeep = \"8d\"", 4, "1s to 7d"),
            ("prefixes = [\"/a/\"]\nkept = \"1m\"", 4, "unknown field `kept`"),
        ] {
            let error = spec(assets).unwrap_err();
            assert!(error.message.contains(says), "{assets}: {error}");
            assert_eq!(error.line, line, "{assets}: {error}");
        }
    }
}
