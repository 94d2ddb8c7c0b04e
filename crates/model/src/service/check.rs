//! What a service's settings must satisfy beyond their types.

mod deploy;
mod rules;
mod source;
mod upstream;

use std::fmt;

use super::{Health, Protocol, ServiceSpec};
use crate::environment::REPLICAS;
use crate::{Bytes, Span};

/// One setting that makes no sense, and what would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The setting, such as `service.port`.
    pub path: String,
    /// What was expected.
    pub expected: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.expected)
    }
}

/// The least memory that the engines take for a container.
const LEAST_MEMORY: Bytes = Bytes(6 << 20);
/// The most memory: more than any host has is a slip of the keyboard.
const MOST_MEMORY: Bytes = Bytes(64 << 40);
/// As many hostnames, variables and the like as one service may have.
const MOST_ENTRIES: usize = 1000;
/// The longest value of an environment variable, in bytes.
const LONGEST_VALUE: usize = 64 << 10;

impl ServiceSpec {
    /// Everything in it that makes no sense; empty when it can be used.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Faults::default();
        self.check_basics(&mut faults);
        check_health(&self.health, self.service.protocol, &mut faults);
        self.check_resources(&mut faults);
        self.check_placement(&mut faults);
        self.check_logs(&mut faults);
        self.check_variables(&mut faults);
        self.check_hooks(&mut faults);
        self.check_traffic(&mut faults);
        self.check_rules(&mut faults);
        self.check_assets(&mut faults);
        self.check_compression(&mut faults);
        self.check_source(&mut faults);
        self.check_deploy(&mut faults);
        self.check_upstream(&mut faults);
        faults.0
    }

    /// Hostnames in it that are kept for previews, `vN.<service>.<domain>`: whoever had one would answer
    /// for another service's environment. It does not matter whether there is such a service yet.
    #[must_use]
    pub fn preview_faults(&self, domain: &str) -> Vec<Fault> {
        let mut faults = Faults::default();
        for host in self.service.hosts.iter().filter(|host| is_preview(host, domain)) {
            let kept = format!(
                "{host:?} is kept for previews (vN.SERVICE.{domain}); take another hostname"
            );
            faults.add("service.hosts", kept);
        }
        let own = self.service.hosts.iter().filter(|host| self.may_be_a_branch(host, domain));
        for host in own {
            let kept = format!(
                "{host:?} is kept for this service's branches (BRANCH.{}.{domain}); take another hostname",
                self.service.name
            );
            faults.add("service.hosts", kept);
        }
        faults.0
    }

    /// Whether a branch of this service could be given this hostname.
    fn may_be_a_branch(&self, host: &str, domain: &str) -> bool {
        let own = format!(".{}.{domain}", self.service.name);
        let label = host.strip_suffix(&own).unwrap_or_default();
        let kept = !label.is_empty() && !label.contains('.');
        kept && !self.branches.matching.is_empty() && !is_preview(host, domain)
    }

    fn check_basics(&self, faults: &mut Faults) {
        let basics = &self.service;
        if let Some(image) = &basics.image
            && let Err(error) = crate::image::ImageRepository::new(image.as_str())
        {
            faults.add("service.image", error.to_string());
        }
        if basics.hosts.len() > MOST_ENTRIES {
            faults.add("service.hosts", format!("at most {MOST_ENTRIES} hostnames"));
        }
        for (i, host) in basics.hosts.iter().enumerate() {
            if let Some(why) = host_fault(host) {
                faults.add("service.hosts", format!("{host:?} is not a hostname: {why}"));
            }
            if basics.hosts[..i].contains(host) {
                faults.add("service.hosts", format!("{host:?} is named twice"));
            }
        }
        if !REPLICAS.contains(&basics.replicas) {
            faults.add("service.replicas", format!("{} to {}", REPLICAS.start(), REPLICAS.end()));
        }
        if basics.port == 0 {
            faults.add("service.port", "a port from 1 to 65535".into());
        }
    }

    fn check_resources(&self, faults: &mut Faults) {
        if self.resources.memory.is_some_and(|memory| memory < LEAST_MEMORY) {
            faults.add("resources.memory", format!("at least {LEAST_MEMORY}"));
        }
        if self.resources.memory.is_some_and(|memory| memory > MOST_MEMORY) {
            faults.add("resources.memory", format!("at most {MOST_MEMORY}"));
        }
    }

    fn check_variables(&self, faults: &mut Faults) {
        for (section, names) in [
            ("env", self.env.keys().collect::<Vec<_>>()),
            ("secrets", self.secrets.keys().collect()),
        ] {
            if names.len() > MOST_ENTRIES {
                faults.add(section, format!("at most {MOST_ENTRIES} variables"));
            }
            for name in names {
                if let Some(why) = variable_fault(name) {
                    faults.add(&format!("{section}.{name}"), why.into());
                }
            }
        }
        for (name, value) in &self.env {
            if value.contains('\0') || value.len() > LONGEST_VALUE {
                faults.add(&format!("env.{name}"), "at most 64KiB of text without NUL".into());
            }
        }
        for (variable, secret) in &self.secrets {
            if self.env.contains_key(variable) {
                faults.add(&format!("secrets.{variable}"), "is in [env] too; keep one".into());
            }
            if let Err(error) = crate::secret::SecretName::new(secret.as_str()) {
                faults.add(&format!("secrets.{variable}"), error.to_string());
            }
        }
    }

    fn check_hooks(&self, faults: &mut Faults) {
        if let Some(command) = &self.hooks.release {
            check_command("hooks.release", command, faults);
        }
        at_least("hooks.release_timeout", self.hooks.release_timeout, Span::secs(1), faults);
    }

    fn check_traffic(&self, faults: &mut Faults) {
        let least = Span::millis(10);
        at_least("traffic.response_timeout", self.traffic.response_timeout, least, faults);
        at_least("traffic.connect_timeout", self.traffic.connect_timeout, least, faults);
        if let Some(silence) = self.traffic.silence_timeout {
            at_least("traffic.silence_timeout", silence, least, faults);
        }
        if self.traffic.max_body.is_some_and(|most| most.0 == 0) {
            faults.add("traffic.max_body", "at least 1B; leave it out for no limit".into());
        }
        if self.traffic.eject_after > 1000 {
            faults.add("traffic.eject_after", "0 to 1000".into());
        }
        if self.traffic.move_within.is_some_and(|within| within > self.traffic.drain) {
            let most = format!("at most traffic.drain, which is {}", self.traffic.drain);
            faults.add("traffic.move_within", most);
        }
    }
}

fn check_health(health: &Health, protocol: Protocol, faults: &mut Faults) {
    let kinds = [health.path.is_some(), health.tcp, health.exec.is_some(), health.grpc];
    if kinds.iter().filter(|given| **given).count() > 1 {
        faults.add("health", "only one of path, tcp, exec and grpc".into());
    }
    if health.grpc && protocol != Protocol::H2c {
        let needs = "needs service.protocol = \"h2c\": gRPC is spoken over HTTP/2";
        faults.add("health.grpc", needs.into());
    }
    if let Some(path) = &health.path
        && (!path.starts_with('/') || path.bytes().any(|b| b <= b' ' || b >= 0x7f || b == b'#'))
    {
        faults.add("health.path", "a path that begins with '/', such as \"/healthz\"".into());
    }
    if let Some(command) = &health.exec {
        check_command("health.exec", command, faults);
    }
    at_least("health.interval", health.interval, Span::millis(10), faults);
    at_least("health.timeout", health.timeout, Span::millis(10), faults);
    at_least("health.start_period", health.start_period, Span::millis(100), faults);
    for (path, count) in [
        ("health.healthy_after", health.healthy_after),
        ("health.unhealthy_after", health.unhealthy_after),
    ] {
        if count == 0 || count > 1000 {
            faults.add(path, "1 to 1000".into());
        }
    }
}

fn check_command(path: &str, command: &[String], faults: &mut Faults) {
    if command.first().is_none_or(String::is_empty) || command.iter().any(|arg| arg.contains('\0'))
    {
        faults.add(path, "a command and its arguments, such as [\"bin/migrate\"]".into());
    }
}

fn at_least(path: &str, given: Span, least: Span, faults: &mut Faults) {
    if given < least {
        faults.add(path, format!("at least {least}"));
    }
}

/// Why text is not a hostname (RFC 1123, in lower case, with at most 253 characters).
fn host_fault(host: &str) -> Option<&'static str> {
    let label_ok = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if host.contains(':') || host.contains('/') {
        return Some("write it without scheme, port and path");
    }
    if host.bytes().any(|b| b.is_ascii_uppercase()) {
        return Some("write it in lower case");
    }
    (host.len() > 253 || !host.split('.').all(label_ok))
        .then_some("use labels of a-z, 0-9 and '-', joined by dots")
}

fn is_preview(host: &str, domain: &str) -> bool {
    let before = host.strip_suffix(domain).and_then(|before| before.strip_suffix('.'));
    let Some((version, service)) = before.and_then(|before| before.split_once('.')) else {
        return false;
    };
    let number = version.strip_prefix('v').unwrap_or_default();
    !service.is_empty() && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
}

fn variable_fault(name: &str) -> Option<&'static str> {
    let good = !name.is_empty()
        && name.len() <= 255
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    (!good).then_some("name variables with letters, digits and '_', not beginning with a digit")
}

#[derive(Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    pub(super) fn add(&mut self, path: &str, expected: String) {
        self.0.push(Fault { path: path.to_owned(), expected });
    }
}

#[cfg(test)]
mod tests {
    use super::is_preview;

    #[test]
    fn hostnames_of_previews_are_known_from_others() {
        for host in ["v1.shop.localhost", "v007.any.thing.localhost"] {
            assert!(is_preview(host, "localhost"), "{host}");
        }
        for host in [
            "shop.localhost",
            "v1.localhost",
            "v1.shop.example.com",
            "vx.shop.localhost",
            "v.shop.localhost",
            "1.shop.localhost",
            "www.v1.shop.localhost",
            "v1.shop.notlocalhost",
            "localhost",
        ] {
            assert!(!is_preview(host, "localhost"), "{host}");
        }
        assert!(is_preview("v2.shop.previews.example.com", "previews.example.com"));
    }

    #[test]
    fn hostnames_of_branches_are_kept_where_branches_have_environments() {
        let text = "service = { name = \"shop\", port = 80, hosts = [\"a.shop.localhost\", \"shop.localhost\", \"a.b.shop.localhost\", \"a.blog.localhost\"] }\n";
        let faults = |more: &str| {
            let spec = crate::service::read("launcher.toml", &format!("{text}{more}")).unwrap();
            spec.preview_faults("localhost").len()
        };
        assert_eq!(faults(""), 0);
        assert_eq!(faults("[branches]\nmatch = [\"*\"]\n"), 1);
    }
}
