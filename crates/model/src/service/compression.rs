//! Responses that edges compress: what a service's `[compression]` says.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ServiceSpec;
use super::check::Faults;
use crate::Bytes;

/// As many types as a service may name.
const MOST_TYPES: usize = 100;
/// The most that a response may need to have to be compressed.
const MOST_SIZE: Bytes = Bytes(1 << 30);

/// Responses that are compressed on their way to clients that take it, where containers have not done so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Compression {
    /// Whether it is done.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// With what, the one that is liked best first.
    #[serde(default = "all_algorithms")]
    pub algorithms: Vec<Algorithm>,
    /// Responses that are known to be shorter are left as they are.
    #[serde(default = "one_kib")]
    pub min_size: Bytes,
    /// The media types of what is compressed, such as `text/html`, or `text/*` for all of a kind.
    #[serde(default = "usual_types")]
    pub types: Vec<String>,
}

/// How a response is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// RFC 7932.
    Br,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

fn yes() -> bool {
    true
}

/// The one that takes the least time first, as each response is compressed for one client; those who do not
/// take it are served with the ones that they have taken for long.
fn all_algorithms() -> Vec<Algorithm> {
    vec![Algorithm::Zstd, Algorithm::Br, Algorithm::Gzip]
}

fn one_kib() -> Bytes {
    Bytes(1 << 10)
}

/// Text, and what is as good as text. Pictures, films and fonts are compressed as they are.
fn usual_types() -> Vec<String> {
    let types = [
        "text/html",
        "text/css",
        "text/plain",
        "text/javascript",
        "text/xml",
        "application/javascript",
        "application/json",
        "application/manifest+json",
        "application/xml",
        "application/xhtml+xml",
        "application/rss+xml",
        "application/atom+xml",
        "application/wasm",
        "image/svg+xml",
    ];
    types.map(str::to_owned).into()
}

impl Default for Compression {
    fn default() -> Self {
        Self {
            enabled: yes(),
            algorithms: all_algorithms(),
            min_size: one_kib(),
            types: usual_types(),
        }
    }
}

impl ServiceSpec {
    pub(super) fn check_compression(&self, faults: &mut Faults) {
        let Some(Compression { algorithms, min_size, types, .. }) = self.compression.as_deref()
        else {
            return;
        };
        if algorithms.is_empty() {
            let least =
                "some of \"zstd\", \"br\" and \"gzip\"; enabled = false has nothing compressed";
            faults.add("compression.algorithms", least.into());
        }
        for (i, algorithm) in algorithms.iter().enumerate() {
            if algorithms[..i].contains(algorithm) {
                faults.add(&format!("compression.algorithms[{i}]"), "name each once".into());
            }
        }
        if *min_size > MOST_SIZE {
            faults.add("compression.min_size", format!("at most {MOST_SIZE}"));
        }
        if types.is_empty() || types.len() > MOST_TYPES {
            faults.add("compression.types", format!("1 to {MOST_TYPES} media types"));
        }
        for (i, kind) in types.iter().enumerate() {
            if !is_media_type(kind) {
                let expected =
                    format!("{kind:?}: a media type such as \"text/html\", or \"text/*\"");
                faults.add(&format!("compression.types[{i}]"), expected);
            }
        }
    }
}

/// Whether text is a media type without parameters, in lower case, or one that ends in `/*`.
fn is_media_type(text: &str) -> bool {
    let good = |part: &str| {
        let plain = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9') || b"!#$&-^_.+".contains(&b);
        !part.is_empty() && part.bytes().all(plain)
    };
    let Some((kind, of)) = text.split_once('/') else { return false };
    text.len() <= 127 && good(kind) && (of == "*" || good(of))
}

#[cfg(test)]
mod tests {
    use super::Algorithm;
    use crate::service::{FileError, ServiceSpec, read, write, write_briefly};

    fn spec(compression: &str) -> Result<ServiceSpec, FileError> {
        let least = "service = { name = \"shop\", port = 80 }\n";
        read("launcher.toml", &format!("{least}[compression]\n{compression}\n"))
    }

    #[test]
    fn what_is_said_is_read_and_written_as_the_same() {
        let plain = spec("").unwrap();
        let usual = plain.compression.as_deref().unwrap();
        assert!(usual.enabled && usual.types.contains(&"text/html".to_owned()));
        assert_eq!(usual.algorithms, [Algorithm::Zstd, Algorithm::Br, Algorithm::Gzip]);
        assert_eq!(usual.min_size.to_string(), "1KiB");
        let said = spec(
            "algorithms = [\"gzip\"]\nmin_size = \"2KiB\"\ntypes = [\"text/*\", \"application/json\"]",
        );
        for spec in [plain, said.unwrap(), spec("enabled = false").unwrap()] {
            for written in [write(&spec), write_briefly(&spec)] {
                assert_eq!(read("launcher.toml", &written).unwrap(), spec, "{written}");
            }
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_line() {
        for (compression, line, says) in [
            ("algorithms = []", 3, "some of"),
            ("algorithms = [\"gzip\",\n\"gzip\"]", 4, "name each once"),
            ("algorithms = [\"deflate\"]", 3, "unknown variant `deflate`"),
            ("min_size = \"2GiB\"", 3, "at most 1GiB"),
            ("types = []", 3, "1 to 100 media types"),
            ("types = [\"text/html\",\n\"html\"]", 4, "a media type such as"),
            ("types = [\"text/html; charset=utf-8\"]", 3, "a media type such as"),
            ("types = [\"Text/Html\"]", 3, "a media type such as"),
            ("types = [\"*/*\"]", 3, "a media type such as"),
            ("level = 9", 3, "unknown field `level`"),
        ] {
            let error = spec(compression).unwrap_err();
            assert!(error.message.contains(says), "{compression}: {error}");
            assert_eq!(error.line, line, "{compression}: {error}");
        }
    }
}
