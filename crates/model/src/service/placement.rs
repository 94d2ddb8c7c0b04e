//! Where a service's containers may be placed, and what they keep there.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ServiceSpec;
use super::check::Faults;

/// Which hosts a service's containers may be placed on. Which of those it is is the engine's business.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Placing {
    /// Labels that a host must have, with these values. `name` stands for the host's own name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hosts: BTreeMap<String, String>,
    /// A label over whose values containers are spread evenly, such as `zone`; over hosts when nothing is
    /// said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread: Option<String>,
}

/// The key in [`Placing::hosts`] that stands for a host's own name.
pub const HOST_NAME: &str = "name";

impl Placing {
    /// Whether a host of this name with these labels will do.
    #[must_use]
    pub fn admits(&self, name: &str, labels: &BTreeMap<String, String>) -> bool {
        self.hosts.iter().all(|(label, value)| match label.as_str() {
            HOST_NAME => value == name,
            label => labels.get(label) == Some(value),
        })
    }
}

/// Directories that outlive a container: the name of a volume to the path in the container.
pub type Volumes = BTreeMap<String, String>;

/// The longest label, and the longest value of one.
const LONGEST: usize = 128;
/// So many volumes at most.
const MOST_VOLUMES: usize = 32;
/// The longest name of a volume.
const LONGEST_NAME: usize = 40;

impl ServiceSpec {
    pub(super) fn check_placement(&self, faults: &mut Faults) {
        for (label, value) in &self.placement.hosts {
            let path = format!("placement.hosts.{label}");
            if !is_label(label) {
                faults.add(&path, LABEL.to_owned());
            }
            if !is_value(value) {
                faults.add(&path, "1 to 128 of a-z, A-Z, 0-9, '-', '_', '.' and '/'".to_owned());
            }
        }
        if self.placement.spread.as_ref().is_some_and(|label| !is_label(label)) {
            faults.add("placement.spread", LABEL.to_owned());
        }
        self.check_volumes(faults);
    }

    fn check_volumes(&self, faults: &mut Faults) {
        if self.volumes.len() > MOST_VOLUMES {
            faults.add("volumes", format!("at most {MOST_VOLUMES} volumes"));
        }
        for (name, path) in &self.volumes {
            let setting = format!("volumes.{name}");
            if !is_volume_name(name) {
                let expected = format!(
                    "a name of 1 to {LONGEST_NAME} of a-z, 0-9 and '-', beginning with a letter"
                );
                faults.add(&setting, expected);
            }
            if !is_directory(path) {
                let expected = "a directory in the container, such as /var/lib/shop, without '.', '..' and ':'";
                faults.add(&setting, expected.to_owned());
            } else if let Some(engines) = OF_THE_ENGINE.iter().find(|own| is_within(path, own)) {
                let expected = format!(
                    "the engine has its own things in {engines}; take a directory of the application's, such \
                     as /var/lib/shop"
                );
                faults.add(&setting, expected);
            }
            let twice = |(other, at): (&String, &String)| other != name && at == path;
            if self.volumes.iter().any(twice) {
                faults.add(&setting, format!("{path} is the directory of another volume, too"));
            }
        }
    }
}

const LABEL: &str = "a label: 1 to 128 of a-z, A-Z, 0-9, '-', '_' and '.'";

fn is_label(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (1..=LONGEST).contains(&text.len()) && text.bytes().all(plain)
}

fn is_value(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/');
    (1..=LONGEST).contains(&text.len()) && text.bytes().all(plain)
}

fn is_volume_name(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    text.len() <= LONGEST_NAME
        && text.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
        && text.bytes().all(plain)
}

/// What the engine puts into every container, where no volume can be.
const OF_THE_ENGINE: [&str; 4] = ["/proc", "/sys", "/dev", "/run/secrets"];

fn is_within(path: &str, directory: &str) -> bool {
    let behind = path.strip_prefix(directory);
    behind.is_some_and(|behind| behind.is_empty() || behind.starts_with('/'))
}

fn is_directory(path: &str) -> bool {
    let Some(inside) = path.strip_prefix('/') else { return false };
    let part = |part: &str| !matches!(part, "" | "." | "..");
    path.len() <= 4096
        && inside.split('/').all(part)
        && !path.chars().any(|c| c.is_control() || matches!(c, ':' | ','))
}

#[cfg(test)]
mod tests {
    use super::super::read;

    fn faults(settings: &str) -> Vec<String> {
        let text = format!("[service]\nname = \"shop\"\nport = 8080\n{settings}");
        match read("launcher.toml", &text) {
            Ok(_) => Vec::new(),
            Err(error) => error.to_string().lines().map(str::to_owned).collect(),
        }
    }

    #[test]
    fn what_can_be_used_is_taken() {
        let good = "[placement]\nhosts = { disk = \"ssd\", name = \"a1\" }\nspread = \"zone\"\n\
            [volumes]\nuploads = \"/srv/uploads\"\n";
        assert_eq!(faults(good), Vec::<String>::new());
    }

    #[test]
    fn what_cannot_is_refused() {
        for bad in [
            "[placement]\nhosts = { \"a b\" = \"x\" }\n",
            "[placement]\nhosts = { a = \"\" }\n",
            "[placement]\nhosts = { a = \"x==y\" }\n",
            "[placement]\nspread = \"\"\n",
            "[volumes]\nUp = \"/srv\"\n",
            "[volumes]\na = \"srv\"\n",
            "[volumes]\na = \"/\"\n",
            "[volumes]\na = \"/srv/../etc\"\n",
            "[volumes]\na = \"/srv:ro\"\n",
            "[volumes]\na = \"/srv\"\nb = \"/srv\"\n",
        ] {
            assert!(!faults(bad).is_empty(), "{bad}");
        }
    }

    #[test]
    fn volumes_leave_the_engines_own_directories_alone() {
        for own in
            ["/proc", "/proc/sys", "/sys", "/dev", "/dev/shm", "/run/secrets", "/run/secrets/a"]
        {
            let told = faults(&format!("[volumes]\na = \"{own}\"\n"));
            let said = told.first().map(String::as_str).unwrap_or_default();
            assert!(
                said.starts_with("launcher.toml:5:1: volumes.a: the engine has its own"),
                "{own}: {said}"
            );
            assert!(said.ends_with("such as /var/lib/shop"), "{said}");
        }
        for good in ["/process", "/srv/proc", "/run/shop", "/run", "/devices", "/system"] {
            assert_eq!(faults(&format!("[volumes]\na = \"{good}\"\n")), [""; 0], "{good}");
        }
    }

    #[test]
    fn a_host_is_admitted_by_its_labels_and_its_name() {
        let placing = |text: &str| super::Placing {
            hosts: text
                .split(' ')
                .filter_map(|pair| pair.split_once('='))
                .map(|(label, value)| (label.to_owned(), value.to_owned()))
                .collect(),
            spread: None,
        };
        let labels = placing("disk=ssd zone=a").hosts;
        for (wanted, admitted) in [
            ("", true),
            ("disk=ssd", true),
            ("disk=ssd name=h1", true),
            ("name=h2", false),
            ("disk=hdd", false),
            ("rack=1", false),
        ] {
            assert_eq!(placing(wanted).admits("h1", &labels), admitted, "{wanted}");
        }
    }
}
