//! Where a service's logs go besides the engine that keeps them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ServiceSpec;
use super::check::Faults;
use crate::VersionNumber;

/// Where what containers print goes, besides the engine that keeps it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Logs {
    /// A Fluentd that gets each line from the engine: `host:port` as the engine's host reaches it, or
    /// `unix:///path` of a socket there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "fluentd.example.com:24224")]
    pub fluentd: Option<String>,
    /// The tag of the lines; `{service}` and `{version}` stand for what they are.
    /// `launcher.{service}.{version}` when nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "launcher.{service}.{version}")]
    pub tag: Option<String>,
}

/// The longest tag.
const LONGEST_TAG: usize = 128;

impl ServiceSpec {
    /// The Fluentd that gets what its containers print.
    #[must_use]
    pub fn log_server(&self) -> Option<&str> {
        self.logs.as_ref()?.fluentd.as_deref()
    }

    /// The tag of the lines that containers of a version print.
    #[must_use]
    pub fn log_tag(&self, version: VersionNumber) -> String {
        let tag = self.logs.as_ref().and_then(|logs| logs.tag.as_deref());
        let tag = tag.unwrap_or("launcher.{service}.{version}");
        let tag = tag.replace("{service}", self.service.name.as_str());
        tag.replace("{version}", &version.0.to_string())
    }

    pub(super) fn check_logs(&self, faults: &mut Faults) {
        let Some(logs) = &self.logs else { return };
        if logs.fluentd.as_deref().is_some_and(|address| !is_address(address)) {
            let expected =
                "host:port, such as fluentd.example.com:24224, or unix:///path/of/a/socket";
            faults.add("logs.fluentd", expected.to_owned());
        }
        let Some(tag) = &logs.tag else { return };
        if logs.fluentd.is_none() {
            faults.add("logs.tag", "logs.fluentd beside it: nothing else has tags".to_owned());
        }
        if !is_tag(tag) {
            let expected = format!(
                "1 to {LONGEST_TAG} of a-z, A-Z, 0-9, '.', '-' and '_', and {{service}} and {{version}}"
            );
            faults.add("logs.tag", expected);
        }
    }
}

fn is_address(text: &str) -> bool {
    if let Some(path) = text.strip_prefix("unix://") {
        return path.starts_with('/') && !path.contains(char::is_control);
    }
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_host = match bare {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(plain),
    };
    is_host && port.parse::<u16>().is_ok_and(|port| port > 0)
}

fn is_tag(text: &str) -> bool {
    let rest = text.replace("{service}", "s").replace("{version}", "1");
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    (1..=LONGEST_TAG).contains(&text.len()) && rest.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ServiceName;

    fn spec(fluentd: Option<&str>, tag: Option<&str>) -> ServiceSpec {
        let mut spec = ServiceSpec::new(ServiceName::new("shop").unwrap(), 8080);
        let (fluentd, tag) = (fluentd.map(str::to_owned), tag.map(str::to_owned));
        spec.logs = Some(Box::new(Logs { fluentd, tag }));
        spec
    }

    #[test]
    fn addresses_and_tags_are_checked() {
        for address in
            ["fluentd.example.com:24224", "10.0.0.5:24224", "[::1]:24224", "unix:///run/f.sock"]
        {
            assert_eq!(spec(Some(address), None).faults(), [], "{address}");
        }
        for address in [
            "",
            "fluentd",
            "fluentd:",
            "fluentd:0",
            ":24224",
            "tcp://a:1",
            "a b:1",
            "unix://a",
            "::1:1",
        ] {
            let faults = spec(Some(address), None).faults();
            assert_eq!(faults.len(), 1, "{address}");
            assert_eq!(faults[0].path, "logs.fluentd");
        }
        for (tag, expected) in [
            (None, "launcher.shop.42"),
            (Some("docker.{service}"), "docker.shop"),
            (Some("a_b-c.{version}.{version}"), "a_b-c.42.42"),
        ] {
            let spec = spec(Some("fluentd:24224"), tag);
            assert_eq!(spec.faults(), []);
            assert_eq!(spec.log_tag(VersionNumber(42)), expected);
        }
        for tag in ["", "{{.ID}}", "{service", "a b", "{other}"] {
            assert_eq!(spec(Some("fluentd:24224"), Some(tag)).faults().len(), 1, "{tag}");
        }
        assert_eq!(spec(None, Some("a")).faults().len(), 1);
    }
}
