//! Rules that take requests elsewhere than where their host leads: to an address, or to another service.

use std::sync::Arc;

use http::StatusCode;
use launcher_model::ServiceName;
use launcher_model::service::{Redirect, RequestPath, RulePath, encoded_query};

use crate::table::Rules;

/// The redirects and paths of one service.
#[derive(Debug)]
pub(crate) struct Elsewhere {
    redirects: Box<[Moved]>,
    /// The longest first.
    paths: Box<[Led]>,
}

/// A path under which another service answers.
#[derive(Debug)]
pub(crate) struct Led {
    path: RulePath,
    /// The same, for a container to be told of it.
    pub(crate) prefix: Arc<str>,
    pub(crate) service: ServiceName,
    strip: bool,
}

impl Led {
    /// What a container sees in the place of the path that was sent, if it sees another one.
    pub(crate) fn below(&self, path: &RequestPath<'_>, query: Option<&str>) -> Option<String> {
        let below = path.below(&self.path).filter(|_| self.strip)?;
        Some(match query {
            None => below.into_owned(),
            Some(query) => format!("{below}?{query}"),
        })
    }
}

impl Elsewhere {
    /// None for a service whose requests all go where their host leads.
    pub(super) fn compile(rules: &Rules) -> Option<Self> {
        let mut paths: Vec<Led> = (rules.paths.iter())
            .map(|(path, target)| Led {
                path: RulePath::new(path),
                prefix: path.as_str().into(),
                service: target.service.clone(),
                strip: target.strip,
            })
            .collect();
        paths.sort_by_key(|led| std::cmp::Reverse(led.path.decoded().len()));
        let redirects: Box<[Moved]> = rules.redirects.iter().map(Moved::compile).collect();
        let is_empty = paths.is_empty() && redirects.is_empty();
        (!is_empty).then(|| Self { redirects, paths: paths.into() })
    }

    /// The first redirect that fits: its status and its Location.
    pub(crate) fn redirect(
        &self,
        host: &str,
        path: &RequestPath<'_>,
        query: Option<&str>,
    ) -> Option<(StatusCode, String)> {
        self.redirects.iter().find_map(|moved| Some((moved.status, moved.to(host, path, query)?)))
    }

    /// The longest path that the request's is under.
    pub(crate) fn led(&self, path: &RequestPath<'_>) -> Option<&Led> {
        self.paths.iter().find(|led| path.is_under(&led.path))
    }
}

/// An address that has moved.
#[derive(Debug)]
struct Moved {
    host: Option<Box<str>>,
    /// Without the `*`.
    from: RulePath,
    /// All that is under it has moved with it.
    with_all: bool,
    /// Where it is now, up to the `*`.
    to: Box<str>,
    /// What is behind the `*`, if there is one.
    behind: Option<Box<str>>,
    /// The query of a request goes along.
    keeps_query: bool,
    status: StatusCode,
}

impl Moved {
    fn compile(redirect: &Redirect) -> Self {
        let under = redirect.from.strip_suffix('*');
        let (to, behind) = match redirect.to.split_once('*') {
            Some((to, behind)) => (to, Some(behind)),
            None => (redirect.to.as_str(), None),
        };
        let status = StatusCode::from_u16(redirect.status).ok();
        Self {
            host: redirect.host.as_deref().map(Into::into),
            from: RulePath::new(under.unwrap_or(&redirect.from)),
            with_all: under.is_some(),
            to: to.into(),
            behind: behind.map(Into::into),
            keeps_query: !redirect.to.contains('?'),
            status: status.unwrap_or(StatusCode::PERMANENT_REDIRECT),
        }
    }

    /// Where a request is sent that this fits.
    fn to(&self, host: &str, path: &RequestPath<'_>, query: Option<&str>) -> Option<String> {
        if self.host.as_deref().is_some_and(|only| only != host) {
            return None;
        }
        let rest = if self.with_all { path.behind(&self.from)? } else { "".into() };
        if !self.with_all && !path.is(&self.from) {
            return None;
        }
        let mut location = self.to.to_string();
        if let Some(behind) = &self.behind {
            location = location + &rest + behind;
        }
        // Two slashes would lead to another host (RFC 3986 §4.2).
        if location.starts_with("//") {
            location = format!("/{}", location.trim_start_matches('/'));
        }
        if let Some(query) = query.filter(|_| self.keeps_query) {
            location.push('?');
            location.push_str(&encoded_query(query));
        }
        Some(location)
    }
}

#[cfg(test)]
mod tests {
    use launcher_model::service::PathTarget;

    use super::*;

    fn redirects(all: &[(Option<&str>, &str, &str)]) -> Elsewhere {
        let redirects = all.iter().map(|(host, from, to)| Redirect {
            host: host.map(str::to_owned),
            from: (*from).to_owned(),
            to: (*to).to_owned(),
            status: 308,
        });
        Elsewhere::compile(&Rules { redirects: redirects.collect(), ..Rules::default() }).unwrap()
    }

    fn location(all: &[(Option<&str>, &str, &str)], host: &str, uri: &str) -> Option<String> {
        let (path, query) = uri.split_once('?').map_or((uri, None), |(p, q)| (p, Some(q)));
        let path = RequestPath::read(path).unwrap();
        redirects(all).redirect(host, &path, query).map(|(_, location)| location)
    }

    #[test]
    fn what_has_moved_is_found_where_it_is() {
        for (from, to, uri, location_of) in [
            ("/old", "/new", "/old", Some("/new")),
            ("/old", "/new", "/old/", None),
            ("/old", "/new", "/old/x", None),
            ("/old", "/new", "/older", None),
            ("/old", "/new", "/OLD", None),
            ("/old", "/new", "/%6Fld?a=%20b", Some("/new?a=%20b")),
            ("/old", "/new", "//x/../old?", Some("/new?")),
            ("/old", "/new?a=1", "/old?a=2", Some("/new?a=1")),
            ("/old", "https://new.test", "/old?a", Some("https://new.test?a")),
            ("/old/*", "/new/*", "/old/a/b?c=d", Some("/new/a/b?c=d")),
            ("/old/*", "/new/*", "/old/", Some("/new/")),
            ("/old/*", "/new/*", "/old", None),
            ("/old/*", "/new/*", "/older/a", None),
            ("/old/*", "/new/*/x?y", "/old/a?b", Some("/new/a/x?y")),
            ("/old/*", "/new", "/old/a", Some("/new")),
            ("/old/*", "/new/*", "/old/a%2Fb%20c", Some("/new/a%2Fb%20c")),
            ("/*", "https://new.test/*", "/", Some("https://new.test/")),
            ("/*", "https://new.test/*", "/a//b", Some("https://new.test/a/b")),
        ] {
            let told = location(&[(None, from, to)], "shop.test", uri);
            assert_eq!(told.as_deref(), location_of, "{from} {to} {uri}");
        }
    }

    #[test]
    fn no_request_leads_to_a_host_that_no_rule_names() {
        for (from, to, uri, location_of) in [
            ("/old/*", "/*", "/old//evil.test", "/evil.test"),
            ("/old/*", "/*", "/old/%2F%2fevil.test", "/evil.test"),
            ("/old/*", "/*", "/old/\\evil.test", "/%5Cevil.test"),
            ("/old/*", "/*", "/old/%5Cevil.test", "/%5Cevil.test"),
            ("/old/*", "/*", "/old/./x/..//evil.test", "/evil.test"),
            ("/old/*", "/*/evil.test", "/old/", "/evil.test"),
            ("/old/*", "/*", "/old/%0d%0aSet-Cookie:a=b", "/%0d%0aSet-Cookie:a=b"),
            ("/old/*", "https://new.test/*", "/old/@evil.test", "https://new.test/@evil.test"),
            ("/old", "/new", "/old?é\"<", "/new?%C3%A9%22%3C"),
        ] {
            let told = location(&[(None, from, to)], "shop.test", uri);
            assert_eq!(told.as_deref(), Some(location_of), "{from} {to} {uri}");
        }
    }

    #[test]
    fn the_first_redirect_of_the_host_counts() {
        let all = [
            (Some("www.shop.test"), "/*", "https://shop.test/*"),
            (None, "/old/a", "/first"),
            (None, "/old/*", "/second"),
        ];
        let to = |host, uri| location(&all, host, uri);
        assert_eq!(to("www.shop.test", "/old/a").as_deref(), Some("https://shop.test/old/a"));
        assert_eq!(to("shop.test", "/old/a").as_deref(), Some("/first"));
        assert_eq!(to("v1.shop.preview.test", "/old/b").as_deref(), Some("/second"));
        assert_eq!(to("shop.test", "/"), None);
    }

    #[test]
    fn the_longest_path_counts() {
        let paths = [("/api", "api"), ("/api/v2", "next"), ("/a", "a"), ("/b", "b")];
        let paths = paths.map(|(path, service)| {
            let service = ServiceName::new(service).unwrap();
            (path.to_owned(), PathTarget { service, strip: path == "/b" })
        });
        let rules = Rules { paths: paths.into(), ..Rules::default() };
        let elsewhere = Elsewhere::compile(&rules).unwrap();
        let led = |sent| {
            let path = RequestPath::read(sent).unwrap();
            let led = elsewhere.led(&path)?;
            Some((led.service.to_string(), led.below(&path, Some("q=1"))))
        };
        for (sent, service) in [
            ("/api", Some("api")),
            ("/api/v1", Some("api")),
            ("/api/v2", Some("next")),
            ("/api/v2/x", Some("next")),
            ("/api/v2x", Some("api")),
            ("/a/api/v2", Some("a")),
            ("/apix", None),
            ("/", None),
        ] {
            assert_eq!(led(sent), service.map(|to| (to.to_owned(), None)), "{sent}");
        }
        assert_eq!(led("/b"), Some(("b".to_owned(), Some("/?q=1".to_owned()))));
        assert!(Elsewhere::compile(&Rules::default()).is_none());
    }
}
