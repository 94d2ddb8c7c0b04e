//! What the rules for a service's requests must satisfy.

use super::{Faults, MOST_ENTRIES};
use crate::secret::SecretName;
use crate::service::path::{self, RequestPath, RulePath};
use crate::service::{FieldRules, Redirect, ServiceSpec};

/// The longest path, address or value of a field, in bytes.
const LONGEST: usize = 2048;

/// Fields that the edge itself answers for: with others, messages would go astray or be framed otherwise.
const OURS: [&str; 15] = [
    "connection",
    "content-length",
    "date",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
];

/// What browsers are told of HTTPS with.
const HSTS: &str = "Strict-Transport-Security";

impl ServiceSpec {
    pub(super) fn check_rules(&self, faults: &mut Faults) {
        self.check_paths(faults);
        self.check_redirects(faults);
        check_fields("headers.request", &self.headers.request, faults);
        check_fields("headers.response", &self.headers.response, faults);
        let sets_hsts = |name: &String| name.eq_ignore_ascii_case(HSTS);
        if self.tls.hsts.is_some() && self.headers.response.set.keys().any(sets_hsts) {
            faults.add("tls.hsts", format!("{HSTS} is set by headers.response, too; keep one"));
        }
        if let Some(login) = &self.previews.login
            && let Err(error) = SecretName::new(login.as_str())
        {
            faults.add("previews.login", error.to_string());
        }
    }

    fn check_paths(&self, faults: &mut Faults) {
        if self.paths.len() > MOST_ENTRIES {
            faults.add("paths", format!("at most {MOST_ENTRIES} paths"));
        }
        for (path, target) in &self.paths {
            if !is_path(path) || path.ends_with('/') {
                faults.add("paths", format!("{path:?}: write a path such as \"/api\""));
            } else if let Some(why) = path::fault_of(path) {
                faults.add("paths", format!("{path:?}: {why}"));
            }
            if target.service == self.service.name {
                let own = format!("{path:?} goes to the service itself; name another one");
                faults.add("paths", own);
            }
        }
    }

    fn check_redirects(&self, faults: &mut Faults) {
        if self.redirects.len() > MOST_ENTRIES {
            faults.add("redirects", format!("at most {MOST_ENTRIES} redirects"));
        }
        for redirect in &self.redirects {
            if let Some(why) = redirect_fault(redirect, &self.service.hosts) {
                faults.add("redirects", format!("from {:?}: {why}", redirect.from));
            }
        }
    }
}

fn redirect_fault(redirect: &Redirect, hosts: &[String]) -> Option<String> {
    let Redirect { host, from, to, status } = redirect;
    if let Some(host) = host
        && !hosts.contains(host)
    {
        return Some(format!("{host:?} is not one of service.hosts"));
    }
    let is_all_under = from.ends_with("/*");
    let fixed = if is_all_under { from.trim_end_matches('*') } else { from };
    if !is_path(fixed) {
        return Some(
            "write a path such as \"/old\", or \"/old/*\" for all that is under it".into(),
        );
    }
    if let Some(why) = path::fault_of(fixed) {
        return Some(why.into());
    }
    let Some(target) = Address::read(to) else {
        return Some(
            "`to` is a path such as \"/new\", or begins with https:// or http:// and a hostname"
                .into(),
        );
    };
    if to.matches('*').count() > usize::from(is_all_under) {
        return Some("`to` has one \"*\" at most, and only when `from` ends in \"/*\"".into());
    }
    if to.contains('*') && !target.path.contains('*') {
        return Some("the \"*\" of `to` stands in its path".into());
    }
    if !matches!(status, 301 | 302 | 303 | 307 | 308) {
        return Some("`status` is 301, 302, 303, 307 or 308".into());
    }
    leads_back(redirect, &target, hosts).then(|| "it leads back to itself".into())
}

/// Where a redirect leads.
struct Address<'t> {
    /// Host and port; nothing for the host that was asked.
    authority: Option<&'t str>,
    /// Without the query.
    path: &'t str,
}

impl<'t> Address<'t> {
    fn read(to: &'t str) -> Option<Self> {
        let rest = ["https://", "http://"].iter().find_map(|scheme| to.strip_prefix(scheme));
        let (authority, rest) = match rest {
            None => (None, to),
            Some(rest) => {
                let (authority, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
                (Some(authority), rest)
            }
        };
        let path = rest.split('?').next().unwrap_or_default();
        let is_good = match authority {
            None => path.starts_with('/') && !path.starts_with("//"),
            Some(authority) => is_authority(authority),
        };
        (is_good && is_text(to) && RequestPath::read(path).is_ok())
            .then_some(Self { authority, path })
    }
}

/// Whether text is a hostname, or one with a port.
fn is_authority(text: &str) -> bool {
    let (host, port) = text.split_once(':').unwrap_or((text, "1"));
    super::host_fault(&host.to_ascii_lowercase()).is_none()
        && port.parse::<u16>().is_ok_and(|port| port > 0)
}

/// Whether where it leads is redirected by it again. The scheme does not count: an edge does not know the
/// one that a client has used with a proxy before it.
fn leads_back(redirect: &Redirect, target: &Address<'_>, hosts: &[String]) -> bool {
    let to_host = target.authority.map(str::to_ascii_lowercase);
    let stays = to_host.is_none_or(|to| match &redirect.host {
        Some(host) => to == *host,
        None => hosts.contains(&to),
    });
    let Ok(path) = RequestPath::read(target.path) else { return false };
    stays
        && match redirect.from.strip_suffix('*') {
            Some(under) => path.behind(&RulePath::new(under)).is_some(),
            None => path.is(&RulePath::new(&redirect.from)),
        }
}

fn check_fields(path: &str, rules: &FieldRules, faults: &mut Faults) {
    if rules.set.len() + rules.remove.len() > MOST_ENTRIES {
        faults.add(path, format!("at most {MOST_ENTRIES} fields"));
    }
    check_names(&format!("{path}.set"), rules.set.keys(), faults);
    check_names(&format!("{path}.remove"), rules.remove.iter(), faults);
    let path = &format!("{path}.set");
    for (name, value) in &rules.set {
        let visible = value.bytes().all(|b| matches!(b, b' '..=b'~' | b'\t'));
        if value.is_empty() {
            faults.add(path, format!("{name}: a value; what is in `remove` is taken away"));
        } else if !visible || value.len() > LONGEST || value.trim() != value {
            faults.add(path, format!("{name}: one line of at most {LONGEST} ASCII characters"));
        }
        let again = |other: &&String| other.eq_ignore_ascii_case(name);
        if rules.set.keys().filter(again).count() > 1 {
            faults.add(path, format!("{name:?} is set twice; keep one"));
        }
        if rules.remove.iter().any(|removed| removed.eq_ignore_ascii_case(name)) {
            faults.add(path, format!("{name:?} is both set and removed; keep one"));
        }
    }
}

fn check_names<'n>(path: &str, names: impl Iterator<Item = &'n String>, faults: &mut Faults) {
    for name in names {
        if name.is_empty() || name.len() > 255 || !name.bytes().all(is_of_a_name) {
            faults.add(path, format!("{name:?}: a field's name has letters, digits, '-' and '_'"));
        } else if is_ours(name) {
            faults.add(path, format!("{name:?} is the edge's own to set"));
        }
    }
}

fn is_ours(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    OURS.contains(&name.as_str()) || name.starts_with("launcher-")
}

/// Whether it is a path as a rule has it, with no `*` and no query.
fn is_path(path: &str) -> bool {
    path.starts_with('/') && is_text(path) && !path.contains(['?', '*', '[', ']'])
}

fn is_text(text: &str) -> bool {
    !text.is_empty() && text.len() <= LONGEST && text.bytes().all(path::may_be_written)
}

/// Fewer characters than a token may have (RFC 9110 §5.6.2), but all that names in use have.
fn is_of_a_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}
