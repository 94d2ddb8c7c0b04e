//! What the rules for a service's requests must satisfy.

use super::{Faults, MOST_ENTRIES};
use crate::secret::SecretName;
use crate::service::{FieldRules, Redirect, ServiceSpec};

/// The longest path, address or value of a field, in bytes.
const LONGEST: usize = 2048;

/// Fields that the edge itself answers for: with others, messages would go astray or be framed otherwise.
const OURS: [&str; 14] = [
    "connection",
    "content-length",
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

impl ServiceSpec {
    pub(super) fn check_rules(&self, faults: &mut Faults) {
        self.check_paths(faults);
        self.check_redirects(faults);
        check_fields("headers.request", &self.headers.request, faults);
        check_fields("headers.response", &self.headers.response, faults);
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
            if !is_path(path) || path.ends_with('/') || path.contains(['?', '*']) {
                faults.add("paths", format!("{path:?}: write a path such as \"/api\""));
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
    let fixed = from.strip_suffix("/*").unwrap_or(from);
    if !is_path(from) || fixed.contains(['?', '*']) {
        return Some(
            "write a path such as \"/old\", or \"/old/*\" for all that is under it".into(),
        );
    }
    let address = ["http://", "https://"].iter().find_map(|scheme| to.strip_prefix(scheme));
    let is_elsewhere = address.is_some_and(|rest| is_text(rest) && !rest.starts_with(['/', '*']));
    if !(is_elsewhere || is_path(to) && !to.starts_with("//")) {
        return Some("`to` is a path such as \"/new\", or begins with https:// or http://".into());
    }
    if to.matches('*').count() > usize::from(from.ends_with("/*")) {
        return Some("`to` has one \"*\" at most, and only when `from` ends in \"/*\"".into());
    }
    if !matches!(status, 301 | 302 | 303 | 307 | 308) {
        return Some("`status` is 301, 302, 303, 307 or 308".into());
    }
    leads_back(redirect, is_elsewhere).then(|| "it leads back to itself".into())
}

/// Whether where it leads is redirected by it again, as far as that can be told from the paths.
fn leads_back(redirect: &Redirect, is_elsewhere: bool) -> bool {
    let Redirect { from, to, .. } = redirect;
    if is_elsewhere {
        return false;
    }
    let path = to.split('?').next().unwrap_or(to);
    match from.strip_suffix('*') {
        Some(under) => path.starts_with(under),
        None => path == from,
    }
}

fn check_fields(path: &str, rules: &FieldRules, faults: &mut Faults) {
    if rules.set.len() + rules.remove.len() > MOST_ENTRIES {
        faults.add(path, format!("at most {MOST_ENTRIES} fields"));
    }
    for name in rules.set.keys().chain(&rules.remove) {
        if name.is_empty() || name.len() > 255 || !name.bytes().all(is_token) {
            faults.add(path, format!("{name:?} is not the name of a header field"));
        } else if is_ours(name) {
            faults.add(path, format!("{name:?} is the edge's own to set"));
        }
    }
    for (name, value) in &rules.set {
        let visible = value.bytes().all(|b| matches!(b, b' '..=b'~' | b'\t'));
        if !visible || value.len() > LONGEST || value.trim() != value {
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

fn is_ours(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    OURS.contains(&name.as_str()) || name.starts_with("launcher-")
}

/// Whether a path can stand in a request's target (RFC 3986 §3.3) as it is.
fn is_path(path: &str) -> bool {
    path.starts_with('/') && is_text(path)
}

/// Characters that an address can have, without those that could mean something to who reads a file.
fn is_text(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= LONGEST
        && text.bytes().all(|b| b.is_ascii_graphic() && !b"#\"'<>\\^`{|}$;".contains(&b))
}

/// A character of a token (RFC 9110 §5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
