//! Of `launcher agent`.

pub(in crate::cli::args) const AGENT_CHECK: &str = "\
EXAMPLES
  launcher agent check service shop
  launcher agent check host
  launcher agent check containers
  launcher agent check server

Prints one line, with figures behind a bar, and exits with 0 (OK), 1 (WARNING), 2 (CRITICAL) or
3 (UNKNOWN), as the guidelines for plugins of Nagios say, which Sensu, Icinga and others keep to.";
pub(in crate::cli::args) const AGENT_CHECK_SERVICE: &str = "\
EXAMPLES
  launcher agent check service shop

WARNING when some of its containers are missing, CRITICAL when none serves or nothing is live any
more. It needs a token that may look: `launcher token create NAME --role viewer`.";
pub(in crate::cli::args) const AGENT_CHECK_HOST: &str = "\
EXAMPLES
  launcher agent check host
  launcher agent check host --warning 80 --critical 95 --disk / --disk /var/lib/docker
  launcher agent check host web2       what the server says of another host";
pub(in crate::cli::args) const AGENT_CHECK_CONTAINERS: &str = "\
EXAMPLES
  launcher agent check containers
  launcher agent check containers --warning 90 --critical 98 --state /var/tmp/seen.json

CRITICAL when memory ran out for one since the last run, WARNING when the engine has started one
again since then; and by how much of its limit the one uses that is closest to it.";
pub(in crate::cli::args) const AGENT_CHECK_SERVER: &str = "\
EXAMPLES
  launcher agent check server --url https://launcher.example.com

CRITICAL when it does not answer, takes no changes, or has no edge. With a token that may look it also
tells which edges are away, and whether the engine answers.";
pub(in crate::cli::args) const AGENT_METRICS: &str = "\
EXAMPLES
  launcher agent metrics
  launcher agent metrics --over 5s | nc -q 0 graphite.example.com 2003

In Sensu it is a check with `output_metric_format: graphite_plaintext`.";
