//! Who a container is: its name, and the labels by which a driver knows it again.

use std::collections::HashMap;

use launcher_model::image::ImageRepository;
use launcher_model::{BuildId, ServiceName, VersionNumber};

use crate::{BuildOrder, Error, labels};

/// An installation as containers' names and labels have it.
#[derive(Debug, Clone)]
pub(crate) struct Installation(String);

/// What names of images that are in no registry have in a registry's place.
const BUILT_HERE: &str = "launcher.local";

/// Whether this is the name of what a server has built and not pushed: no registry is asked for it.
pub(crate) fn is_built_here(repository: &ImageRepository) -> bool {
    repository.registry() == Some(BUILT_HERE)
}

/// How much of an installation's name goes into the names of its containers.
const SHORT: usize = 8;

impl Installation {
    /// Checks the name of an installation.
    pub(crate) fn new(name: impl Into<String>) -> Result<Self, Error> {
        let name = name.into();
        let bytes = name.as_bytes();
        let good = bytes.first().is_some_and(u8::is_ascii_alphanumeric)
            && bytes.len() <= 64
            && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        if good {
            Ok(Self(name))
        } else {
            let why =
                "write 1 to 64 of a-z, A-Z, 0-9, '-' and '_', beginning with a letter or digit";
            Err(Error::Setting { what: "the installation's name", given: name, why })
        }
    }

    /// The value of its label.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// What of its name goes into the names of what belongs to it.
    pub(crate) fn short(&self) -> &str {
        &self.0[..self.0.len().min(SHORT)]
    }

    /// A container's name. Two installations whose names begin alike may want the same one; labels
    /// tell them apart.
    pub(crate) fn name(&self, identity: &Identity) -> String {
        let Identity { service, version, part } = identity;
        let short = self.short();
        match part {
            Part::Serve { slot, attempt: 0, .. } => {
                format!("launcher-{short}-{service}-{version}-{slot}")
            }
            Part::Serve { slot, attempt, .. } => {
                format!("launcher-{short}-{service}-{version}-{slot}-{attempt}")
            }
            Part::Release => format!("launcher-{short}-{service}-{version}-release"),
            Part::Run { nonce } => format!("launcher-{short}-{service}-{version}-run-{nonce}"),
        }
    }

    /// The name of what belongs to a build's test.
    pub(crate) fn test_name(&self, build: &BuildIdentity) -> String {
        let short = self.short();
        format!("launcher-{short}-{}-b{}-test", build.service, build.id)
    }

    /// The labels of what belongs to a build's test.
    pub(crate) fn test_labels(&self, build: &BuildIdentity) -> HashMap<String, String> {
        let all = [
            (labels::INSTALLATION, self.0.clone()),
            (labels::SERVICE, build.service.to_string()),
            (labels::BUILD, build.id.to_string()),
            (labels::ROLE, TEST.to_owned()),
        ];
        all.into_iter().map(|(label, value)| (label.to_owned(), value)).collect()
    }

    /// The labels of an image that comes out of a build.
    pub(crate) fn image_labels(&self, build: &BuildIdentity) -> HashMap<String, String> {
        let all = [
            (labels::IMAGE_INSTALLATION, self.0.clone()),
            (labels::IMAGE_SERVICE, build.service.to_string()),
            (labels::IMAGE_BUILD, build.id.to_string()),
        ];
        all.into_iter().map(|(label, value)| (label.to_owned(), value)).collect()
    }

    /// The name of the image that comes out of a build. The whole of the installation's is in it, because an
    /// engine moves a name to the image that was given it last.
    pub(crate) fn image_name(&self, build: &BuildIdentity) -> String {
        let BuildIdentity { service, id } = build;
        format!("{BUILT_HERE}/{service}:{}-b{id}", self.0)
    }

    /// Whether it has given an image this name, `repository:tag`.
    pub(crate) fn has_named(&self, name: &str) -> bool {
        let Some((repository, tag)) = name.rsplit_once(':') else { return false };
        let (host, _service) = repository.split_once('/').unwrap_or_default();
        let build = tag.strip_prefix(self.as_str()).and_then(|rest| rest.strip_prefix("-b"));
        host == BUILT_HERE && build.is_some_and(|id| id.parse::<BuildId>().is_ok())
    }

    /// A container's labels.
    pub(crate) fn labels(&self, identity: &Identity) -> HashMap<String, String> {
        let mut all = HashMap::from([
            (labels::INSTALLATION, self.0.clone()),
            (labels::SERVICE, identity.service.to_string()),
            (labels::VERSION, identity.version.0.to_string()),
            (labels::ROLE, identity.part.role().to_owned()),
        ]);
        if let Part::Serve { slot, attempt, failures, port } = identity.part {
            all.insert(labels::SLOT, slot.to_string());
            all.insert(labels::ATTEMPT, attempt.to_string());
            all.insert(labels::FAILURES, failures.to_string());
            all.insert(labels::PORT, port.to_string());
        }
        all.into_iter().map(|(label, value)| (label.to_owned(), value)).collect()
    }
}

/// A service's build, whose test runs in a container and a network of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BuildIdentity {
    pub(crate) service: ServiceName,
    pub(crate) id: BuildId,
}

impl BuildIdentity {
    /// Of what is to be built.
    pub(crate) fn of(order: &BuildOrder) -> Self {
        Self { service: order.service.clone(), id: order.id }
    }

    /// Of whose labels these are, when they are those of a build.
    pub(crate) fn id_of(labels: &HashMap<String, String>) -> Option<BuildId> {
        labels.get(labels::BUILD)?.parse().ok()
    }
}

/// Who a container is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) service: ServiceName,
    pub(crate) version: VersionNumber,
    pub(crate) part: Part,
}

/// What a container is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    /// It takes requests.
    Serve { slot: u16, attempt: u32, failures: u32, port: u16 },
    /// It runs the release command of its version.
    Release,
    /// It runs a person's command; the nonce is in its name alone.
    Run { nonce: String },
}

/// The value of [`labels::ROLE`] for containers that take requests.
pub(crate) const SERVE: &str = "serve";
/// The value of [`labels::ROLE`] for a person's command.
pub(crate) const RUN: &str = "run";

/// The value of [`labels::ROLE`] for the test of a build.
pub(crate) const TEST: &str = "test";

impl Part {
    fn role(&self) -> &'static str {
        match self {
            Self::Serve { .. } => SERVE,
            Self::Release => "release",
            Self::Run { .. } => RUN,
        }
    }
}

impl Identity {
    /// Reads the labels of a container that takes requests; `None` when they are not those of one.
    pub(crate) fn serving(labels: &HashMap<String, String>) -> Option<Self> {
        let text = |label| labels.get(label).map(String::as_str);
        fn number<T: std::str::FromStr>(text: Option<&str>) -> Option<T> {
            text?.parse().ok()
        }
        if text(labels::ROLE) != Some(SERVE) {
            return None;
        }
        Some(Self {
            service: ServiceName::new(text(labels::SERVICE)?).ok()?,
            version: VersionNumber(number(text(labels::VERSION))?),
            part: Part::Serve {
                slot: number(text(labels::SLOT))?,
                attempt: number(text(labels::ATTEMPT))?,
                failures: number(text(labels::FAILURES)).unwrap_or(0),
                port: number(text(labels::PORT))?,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serving(slot: u16, attempt: u32) -> Identity {
        let part = Part::Serve { slot, attempt, failures: 3, port: 8080 };
        Identity { service: ServiceName::new("shop").unwrap(), version: VersionNumber(42), part }
    }

    #[test]
    fn names_say_what_a_container_is() {
        let ours = Installation::new("0123456789abcdef").unwrap();
        assert_eq!(ours.name(&serving(3, 0)), "launcher-01234567-shop-v42-3");
        assert_eq!(ours.name(&serving(3, 2)), "launcher-01234567-shop-v42-3-2");
        let release = Identity { part: Part::Release, ..serving(1, 0) };
        assert_eq!(ours.name(&release), "launcher-01234567-shop-v42-release");
        let run = Identity { part: Part::Run { nonce: "cafe".into() }, ..serving(1, 0) };
        assert_eq!(ours.name(&run), "launcher-01234567-shop-v42-run-cafe");
    }

    #[test]
    fn images_are_known_again_by_their_names() {
        let ours = Installation::new("ab-1").unwrap();
        let build = BuildIdentity { service: ServiceName::new("shop").unwrap(), id: BuildId(12) };
        let name = ours.image_name(&build);
        assert_eq!(name, "launcher.local/shop:ab-1-b12");
        assert!(ours.has_named(&name));
        for other in ["ab", "ab-1-b1", "b-1"] {
            assert!(!Installation::new(other).unwrap().has_named(&name), "{other}");
        }
        for strange in
            ["launcher.local/shop:ab-1", "shop:ab-1-b12", "ab-1-b12", "launcher.local/shop"]
        {
            assert!(!ours.has_named(strange), "{strange}");
        }
    }

    #[test]
    fn labels_are_read_back() {
        let ours = Installation::new("i").unwrap();
        let labels = ours.labels(&serving(3, 2));
        assert_eq!(labels[labels::INSTALLATION], "i");
        assert_eq!(Identity::serving(&labels), Some(serving(3, 2)));
        let release = Identity { part: Part::Release, ..serving(1, 0) };
        assert_eq!(Identity::serving(&ours.labels(&release)), None);
        assert_eq!(Identity::serving(&HashMap::new()), None);
    }

    #[test]
    fn installations_have_names_that_fit_into_a_container_s() {
        for bad in ["", "-a", "a b", "ü", "a/b", "x".repeat(65).as_str()] {
            assert!(Installation::new(bad).is_err(), "{bad}");
        }
    }
}
