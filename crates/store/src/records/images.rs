//! What goes into and comes out of the record of images.

use jiff::Timestamp;
use launcher_model::image::{Digest, PinnedImage};
use launcher_model::{BuildId, ServiceName, VersionNumber};

/// What a service follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Following {
    /// The repository.
    pub repository: String,
    /// The pattern of its tags.
    pub pattern: String,
}

/// An image that was found in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenImage {
    /// The tag under which it was found.
    pub tag: String,
    /// Its content.
    pub digest: Digest,
}

/// An image of a build that nobody needs any more.
#[derive(Debug, Clone, PartialEq)]
pub struct LeftImage {
    /// The build.
    pub build: BuildId,
    /// Whose it was.
    pub service: ServiceName,
    /// The image.
    pub image: PinnedImage,
    /// The version that it was made for, if it came to that.
    pub version: Option<VersionNumber>,
    /// The commit that it was built from.
    pub commit: Option<String>,
    /// When the build came in.
    pub created_at: Timestamp,
}
