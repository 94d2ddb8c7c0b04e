//! Who an app is: its id, and the labels by which the driver knows it again.

use std::collections::{BTreeMap, BTreeSet};

use launcher_model::{ServiceName, VersionNumber};

use super::wire::app::App;
use crate::identity::{Installation, SERVE};
use crate::labels;

/// What an app is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) service: ServiceName,
    pub(super) version: VersionNumber,
    /// Which of an environment's apps, counted from 1.
    pub(super) attempt: u32,
    /// The port on which its containers serve.
    pub(super) port: u16,
    /// The hosts that it cannot be placed on.
    pub(super) avoid: BTreeSet<String>,
}

/// Gives names on behalf of an installation.
#[derive(Debug)]
pub(super) struct Names {
    installation: Installation,
    /// `/launcher-<8 of the installation>/`.
    prefix: String,
}

impl Names {
    /// Ids take lower-case letters, digits and `-`, so that installations whose names differ in less may
    /// want the same ids; labels tell them apart.
    pub(super) fn new(installation: Installation) -> Self {
        let short = installation.short().to_ascii_lowercase().replace('_', "-");
        let prefix = format!("/launcher-{}/", short.trim_matches('-'));
        Self { installation, prefix }
    }

    /// What the ids of all of this installation's apps begin with.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// On whose behalf.
    pub(super) fn installation(&self) -> &Installation {
        &self.installation
    }

    /// The selector of all of this installation's apps.
    pub(super) fn selector(&self) -> String {
        format!("{}=={}", labels::INSTALLATION, self.installation.as_str())
    }

    /// An app's id.
    pub(super) fn app(&self, identity: &Identity) -> String {
        let Identity { service, version, attempt, .. } = identity;
        match attempt {
            ..=1 => format!("{}{service}/v{}", self.prefix, version.0),
            more => format!("{}{service}/v{}-{more}", self.prefix, version.0),
        }
    }

    /// The labels of an app.
    pub(super) fn labels(&self, identity: &Identity) -> BTreeMap<String, String> {
        let mut all = BTreeMap::from([
            (labels::INSTALLATION, self.installation.as_str().to_owned()),
            (labels::SERVICE, identity.service.to_string()),
            (labels::VERSION, identity.version.0.to_string()),
            (labels::ROLE, SERVE.to_owned()),
            (labels::ATTEMPT, identity.attempt.to_string()),
            (labels::PORT, identity.port.to_string()),
        ]);
        if !identity.avoid.is_empty() {
            let hosts: Vec<_> = identity.avoid.iter().map(String::as_str).collect();
            all.insert(labels::AVOID, hosts.join(","));
        }
        all.into_iter().map(|(label, value)| (label.to_owned(), value)).collect()
    }

    /// Who an app is; none when it is not this installation's.
    pub(super) fn read(&self, app: &App) -> Option<Identity> {
        let text = |label| app.labels.get(label).map(String::as_str);
        if text(labels::INSTALLATION) != Some(self.installation.as_str())
            || text(labels::ROLE) != Some(SERVE)
        {
            return None;
        }
        let avoid = text(labels::AVOID).unwrap_or_default().split(',').map(str::to_owned);
        Some(Identity {
            service: ServiceName::new(text(labels::SERVICE)?).ok()?,
            version: VersionNumber(text(labels::VERSION)?.parse().ok()?),
            attempt: text(labels::ATTEMPT)?.parse().ok()?,
            port: text(labels::PORT)?.parse().ok()?,
            avoid: avoid.filter(|host| !host.is_empty()).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(installation: &str) -> Names {
        Names::new(Installation::new(installation).unwrap())
    }

    fn shop(attempt: u32) -> Identity {
        let avoid = ["a1", "b2"].map(str::to_owned).into();
        let service = ServiceName::new("shop").unwrap();
        Identity { service, version: VersionNumber(42), attempt, port: 8080, avoid }
    }

    #[test]
    fn ids_say_what_an_app_is() {
        let ours = names("0123456789abcdef");
        assert_eq!(ours.app(&shop(1)), "/launcher-01234567/shop/v42");
        assert_eq!(ours.app(&shop(3)), "/launcher-01234567/shop/v42-3");
    }

    #[test]
    fn ids_have_only_what_marathon_takes() {
        for (installation, prefix) in [
            ("Team_A", "/launcher-team-a/"),
            ("a------------b", "/launcher-a/"),
            ("X_", "/launcher-x/"),
        ] {
            assert_eq!(names(installation).prefix(), prefix);
        }
        let longest = "x".repeat(launcher_model::name::SERVICE_NAME_MAX);
        let service = ServiceName::new(longest).unwrap();
        let version = VersionNumber(u32::MAX);
        let id = names("0123456789").app(&Identity { service, version, ..shop(1) });
        let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        for segment in id.strip_prefix('/').unwrap().split('/') {
            // RFC 1035: a name of DNS is made of each.
            assert!(segment.len() <= 63 && segment.bytes().all(good), "{id}");
            assert!(!segment.starts_with('-') && !segment.ends_with('-'), "{id}");
        }
    }

    #[test]
    fn labels_are_read_back_and_those_of_others_are_not() {
        let ours = names("0123456789abcdef");
        let app = App { labels: ours.labels(&shop(2)), ..App::default() };
        assert_eq!(ours.read(&app), Some(shop(2)));
        assert_eq!(names("0123456789xxxxxx").read(&app), None);
        assert_eq!(ours.read(&App::default()), None);
    }
}
