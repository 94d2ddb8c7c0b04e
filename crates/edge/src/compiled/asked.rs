//! The version that a request itself asks for: because its user is on it, or to try it.
//!
//! A pass is looked up among those of the service, which are few. That takes time by how much of it is
//! right, as a `map` of nginx would; over a network nobody can measure that, and a pass opens nothing
//! that a preview does not.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue};
use launcher_model::VersionNumber;
use memchr::memmem::Finder;

use super::Pool;
use crate::table::{COOKIE_ATTRIBUTES, ServiceTable, TRY_HEADER};

/// A cookie, to be found in a request.
#[derive(Debug)]
pub(super) struct Cookie {
    name: String,
    /// Its name and `=`.
    begins: Finder<'static>,
}

impl Cookie {
    pub(super) fn named(name: String) -> Self {
        Self { begins: Finder::new(format!("{name}=").as_bytes()).into_owned(), name }
    }

    /// Every value of it that a request has (RFC 6265 §5.4).
    pub(super) fn values<'h>(&self, headers: &'h HeaderMap) -> impl Iterator<Item = &'h [u8]> {
        let fields = headers.get_all(header::COOKIE).into_iter().map(HeaderValue::as_bytes);
        // Most fields do not have it, and are not taken apart.
        let with_it = fields.filter(|field| self.begins.find(field).is_some());
        let pairs = with_it.flat_map(|field| field.split(|byte| *byte == b';'));
        pairs.filter_map(|pair| pair.trim_ascii().strip_prefix(self.begins.needle()))
    }

    fn set(&self, value: &str) -> String {
        format!("{}={value}{COOKIE_ATTRIBUTES}", self.name)
    }
}

/// Keeps users on their versions while several are live.
#[derive(Debug)]
pub(super) struct Sticky {
    cookie: Cookie,
    versions: Vec<Version>,
}

#[derive(Debug)]
struct Version {
    pass: String,
    pool: Arc<Pool>,
    set: Arc<HeaderValue>,
}

impl Sticky {
    /// None while fewer than two versions are live: then there is no choice to be kept.
    pub(super) fn compile<'l>(
        table: &ServiceTable,
        live: impl ExactSizeIterator<Item = &'l Arc<Pool>>,
    ) -> Option<Self> {
        if live.len() < 2 || !table.traffic.sticky {
            return None;
        }
        let cookie = Cookie::named(table.sticky_cookie());
        let versions = live.filter_map(|pool| {
            let pass = &table.pools.get(&pool.version)?.passes.sticky;
            let set = HeaderValue::try_from(cookie.set(pass)).ok()?;
            let known = Version { pass: pass.clone(), pool: pool.clone(), set: Arc::new(set) };
            (!pass.is_empty()).then_some(known)
        });
        let versions = versions.collect();
        Some(Self { cookie, versions })
    }

    /// The live version that a request's user is on.
    pub(super) fn kept(&self, headers: &HeaderMap) -> Option<&Arc<Pool>> {
        let named = |value: &[u8]| self.versions.iter().find(|one| one.pass.as_bytes() == value);
        self.cookie.values(headers).find_map(named).map(|version| &version.pool)
    }

    /// What puts a user on a version.
    pub(super) fn cookie(&self, pool: &Pool) -> Option<&Arc<HeaderValue>> {
        self.versions.iter().find(|one| one.pool.id == pool.id).map(|version| &version.set)
    }
}

/// Lets requests to production try any version that has containers.
#[derive(Debug)]
pub(super) struct Trials {
    cookie: Cookie,
    versions: Vec<(String, Arc<Pool>)>,
    /// There is but one version, and it is live and open to all, so that nothing has to be looked for.
    idle: bool,
}

impl Trials {
    pub(super) fn compile(
        table: &ServiceTable,
        pools: &BTreeMap<VersionNumber, Arc<Pool>>,
        live: usize,
    ) -> Self {
        let versions = pools.iter().filter_map(|(version, pool)| {
            let pass = &table.pools.get(version)?.passes.trial;
            (!pass.is_empty()).then(|| (pass.clone(), pool.clone()))
        });
        let open = table.rules.maintenance.is_none();
        let idle = open && pools.len() == 1 && live == 1;
        Self { cookie: Cookie::named(table.try_cookie()), versions: versions.collect(), idle }
    }

    /// The version that a request asks to try, by its header or else by its cookie.
    pub(super) fn asked_for(&self, headers: &HeaderMap) -> Option<&Arc<Pool>> {
        if self.idle {
            return None;
        }
        let by_header = headers.get_all(TRY).into_iter().map(HeaderValue::as_bytes);
        by_header.chain(self.cookie.values(headers)).find_map(|pass| self.find(pass))
    }

    fn find(&self, pass: &[u8]) -> Option<&Arc<Pool>> {
        self.versions.iter().find(|(known, _)| known.as_bytes() == pass).map(|(_, pool)| pool)
    }

    pub(super) fn cookie_for(&self, pass: &str) -> String {
        match self.find(pass.as_bytes()) {
            Some(_) => self.cookie.set(pass),
            None => self.cookie.set("") + "; Max-Age=0",
        }
    }
}

const TRY: HeaderName = HeaderName::from_static(TRY_HEADER);
