//! Header fields that are set or taken away on the way.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use launcher_model::service::{FieldRules, Headers};

/// What is done to the fields of a service's requests and responses.
#[derive(Debug)]
pub(crate) struct Fields {
    pub(crate) request: Changes,
    pub(crate) response: Changes,
}

impl Fields {
    /// None for a service whose fields stay as they are.
    pub(super) fn compile(rules: &Headers) -> Option<Arc<Self>> {
        let Headers { request, response } = rules;
        let stay = request.is_empty() && response.is_empty();
        let compile = || Self { request: request.into(), response: response.into() };
        (!stay).then(|| Arc::new(compile()))
    }
}

/// What is done to the fields of one direction.
#[derive(Debug)]
pub(crate) struct Changes {
    /// Those that are taken away, also to be set anew.
    taken: Box<[HeaderName]>,
    set: Box<[(HeaderName, HeaderValue)]>,
}

impl From<&FieldRules> for Changes {
    /// The control plane has seen to it that they are fields; what is none is left out.
    fn from(rules: &FieldRules) -> Self {
        let set = rules.set.iter().filter_map(|(name, value)| {
            Some((name.parse::<HeaderName>().ok()?, HeaderValue::try_from(value).ok()?))
        });
        let set: Box<[_]> = set.collect();
        let removed = rules.remove.iter().filter_map(|name| name.parse().ok());
        let taken = removed.chain(set.iter().map(|(name, _)| name.clone())).collect();
        Self { taken, set }
    }
}

impl Changes {
    /// Whether a field that a message has is taken away.
    pub(crate) fn takes(&self, name: &HeaderName) -> bool {
        self.taken.contains(name)
    }

    /// The names of all that are set or taken away.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.taken.iter().map(HeaderName::as_str)
    }

    /// The fields that are set.
    pub(crate) fn set(&self) -> impl Iterator<Item = &(HeaderName, HeaderValue)> {
        self.set.iter()
    }

    /// Changes the fields of a message.
    pub(crate) fn apply(&self, headers: &mut HeaderMap) {
        for name in &self.taken {
            headers.remove(name);
        }
        headers.extend(self.set.iter().cloned());
    }
}
