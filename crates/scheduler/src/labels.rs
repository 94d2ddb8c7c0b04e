//! The labels by which containers are known to be ours.

/// Names the installation; a container without this installation's value is never touched.
pub const INSTALLATION: &str = "launcher.installation";
/// The service.
pub const SERVICE: &str = "launcher.service";
/// The version's number.
pub const VERSION: &str = "launcher.version";
/// The build that a container or a network is of.
pub const BUILD: &str = "launcher.build";
/// What the container is for: `serve`, `release`, `run` or `test`.
pub const ROLE: &str = "launcher.role";
/// The place in the environment that it fills, counted from 1.
pub const SLOT: &str = "launcher.slot";
/// How many containers filled that place before it.
pub const ATTEMPT: &str = "launcher.attempt";
/// How many of those died one soon after the other.
pub const FAILURES: &str = "launcher.failures";
/// The port on which it serves.
pub const PORT: &str = "launcher.port";

/// Which of a service's volumes it is.
pub const VOLUME: &str = "launcher.volume";

/// The hosts that what bears it cannot be placed on, sorted, with commas between them.
pub const AVOID: &str = "launcher.avoid";

/// The installation that an image was built in. Containers inherit the labels of their image, whoever
/// starts them: so those of images have names of their own.
pub const IMAGE_INSTALLATION: &str = "launcher.image.installation";
/// The service that an image was built for.
pub const IMAGE_SERVICE: &str = "launcher.image.service";
/// The build that an image came out of.
pub const IMAGE_BUILD: &str = "launcher.image.build";
