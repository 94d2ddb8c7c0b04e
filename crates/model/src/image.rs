//! Images: how a person names one, and what it is pinned to.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why an image's name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidImage {
    /// Not a repository.
    #[error(
        "{0:?} is not an image repository: write it without a tag, such as \"registry.example.com/shop\""
    )]
    Repository(String),
    /// Not a reference.
    #[error(
        "{0:?} is not an image: write REPOSITORY[:TAG][@sha256:DIGEST], or an image id \"sha256:…\" of the engine"
    )]
    Reference(String),
}

/// Where images of one kind are kept: `[registry/]path`, without tag or digest.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImageRepository(String);

impl ImageRepository {
    /// Checks a repository's name.
    ///
    /// # Errors
    /// When an engine would not take it.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidImage> {
        let text = text.into();
        let (registry, path) = split_registry(&text);
        let registry_ok = registry.is_none_or(|r| {
            let (host, port) = r.rsplit_once(':').map_or((r, None), |(h, p)| (h, Some(p)));
            !host.is_empty()
                && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'))
                && port.is_none_or(|p| p.parse::<u16>().is_ok())
        });
        let path_ok = !path.is_empty() && path.split('/').all(component_ok);
        if text.len() <= 255 && registry_ok && path_ok {
            Ok(Self(text))
        } else {
            Err(InvalidImage::Repository(text.chars().take(80).collect()))
        }
    }

    /// The host (and port) of the registry, when it is named.
    #[must_use]
    pub fn registry(&self) -> Option<&str> {
        split_registry(&self.0).0
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A first component with a dot or a colon, or `localhost`, is a registry's host; as engines read it.
fn split_registry(text: &str) -> (Option<&str>, &str) {
    match text.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => {
            (Some(first), rest)
        }
        _ => (None, text),
    }
}

fn component_ok(component: &str) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = component.as_bytes();
    matches!((bytes.first(), bytes.last()), (Some(a), Some(z)) if alphanumeric(*a) && alphanumeric(*z))
        && bytes.iter().all(|b| alphanumeric(*b) || matches!(b, b'.' | b'_' | b'-'))
}

impl fmt::Display for ImageRepository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for ImageRepository {
    type Error = InvalidImage;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(text)
    }
}

impl From<ImageRepository> for String {
    fn from(repository: ImageRepository) -> Self {
        repository.0
    }
}

/// `sha256:` and 64 hexadecimal digits: the content of a manifest, or an engine's image id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String)]
pub struct Digest(String);

impl Digest {
    /// Checks a digest.
    ///
    /// # Errors
    /// When it is not a SHA-256 digest in lower case.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidImage> {
        let text = text.into();
        let hex = text.strip_prefix("sha256:").unwrap_or_default();
        let good = hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if good { Ok(Self(text)) } else { Err(InvalidImage::Reference(text)) }
    }

    /// The digest as text, with its `sha256:`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first twelve digits, by which people know an image.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0["sha256:".len()..][..12]
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Digest {
    type Error = InvalidImage;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(text)
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0
    }
}

/// An image as a person names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ImageRef {
    /// An image that the engine has, by its id.
    Id(Digest),
    /// A repository's image by tag (`latest` when none is given).
    Tag(ImageRepository, String),
    /// A repository's image by digest.
    Digest(ImageRepository, Digest),
}

impl FromStr for ImageRef {
    type Err = InvalidImage;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fault = || InvalidImage::Reference(text.chars().take(120).collect());
        if let Ok(digest) = Digest::new(text) {
            return Ok(Self::Id(digest));
        }
        if let Some((name, digest)) = text.split_once('@') {
            let digest = Digest::new(digest).map_err(|_| fault())?;
            let (repository, _tag) = split_tag(name);
            return Ok(Self::Digest(
                ImageRepository::new(repository).map_err(|_| fault())?,
                digest,
            ));
        }
        let (repository, tag) = split_tag(text);
        let repository = ImageRepository::new(repository).map_err(|_| fault())?;
        let tag = tag.unwrap_or("latest");
        let tag_ok = !tag.is_empty()
            && tag.len() <= 128
            && !tag.starts_with(['.', '-'])
            && tag.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
        if tag_ok { Ok(Self::Tag(repository, tag.to_owned())) } else { Err(fault()) }
    }
}

/// A colon behind the last slash begins a tag; one before it belongs to a port.
fn split_tag(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (text, None),
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(digest) => write!(f, "{digest}"),
            Self::Tag(repository, tag) => write!(f, "{repository}:{tag}"),
            Self::Digest(repository, digest) => write!(f, "{repository}@{digest}"),
        }
    }
}

impl TryFrom<String> for ImageRef {
    type Error = InvalidImage;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ImageRef> for String {
    fn from(image: ImageRef) -> Self {
        image.to_string()
    }
}

/// An image that cannot change any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PinnedImage {
    /// What was asked for, for people to read.
    #[schema(value_type = String)]
    pub requested: ImageRef,
    /// What an engine is given: `repository@sha256:…`, or an image id.
    #[schema(value_type = String)]
    pub reference: ImageRef,
    /// The digest of the manifest, or the image id.
    pub digest: Digest,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_as_engines_read_them() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for (text, shown) in [
            ("shop", "shop:latest".to_owned()),
            ("team/shop:1.2", "team/shop:1.2".to_owned()),
            ("localhost:5000/shop", "localhost:5000/shop:latest".to_owned()),
            ("r.example.com:5000/a/b:x", "r.example.com:5000/a/b:x".to_owned()),
            (&format!("shop:1@{digest}"), format!("shop@{digest}")),
            (&digest, digest.clone()),
        ] {
            assert_eq!(text.parse::<ImageRef>().map(|i| i.to_string()), Ok(shown), "{text}");
        }
        for bad in
            ["", ":x", "Shop", "shop:", "shop:a b", "a//b", "shop@sha256:12", "-a", "http://a/b"]
        {
            assert!(bad.parse::<ImageRef>().is_err(), "{bad}");
        }
    }
}
