//! From a few letters to a service.

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::layout::Page;
use super::visitor::Visitor;
use crate::App;

/// Where to.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Jump {
    /// The beginning of a name, or a part of it.
    #[serde(default)]
    to: String,
}

/// Leads to the service whose name is meant; to the list of those that may be when it is none.
pub(super) async fn jump(
    State(app): State<App>,
    visitor: Visitor,
    Query(Jump { to }): Query<Jump>,
) -> Page {
    let to = to.trim().to_lowercase();
    let services = app.store.services().await?;
    let names = services.iter().map(|one| &one.spec.service.name);
    let names = names.filter(|name| visitor.principal.roles.see(name));
    let names: Vec<&str> = names.map(launcher_model::ServiceName::as_str).collect();
    let path = match meant(&names, &to) {
        Some(name) => format!("/services/{name}"),
        None => format!("/?filter={}", utf8_percent_encode(&to, NON_ALPHANUMERIC)),
    };
    Ok(Redirect::to(&path).into_response())
}

/// The name that is so, begins so, or has that in it: the first way in which there is one, and only one.
fn meant<'n>(names: &[&'n str], to: &str) -> Option<&'n str> {
    if to.is_empty() {
        return None;
    }
    let ways: [&dyn Fn(&str) -> bool; 3] =
        [&|name| name == to, &|name| name.starts_with(to), &|name| name.contains(to)];
    for way in ways {
        let mut found = names.iter().copied().filter(|name| way(name));
        if let Some(first) = found.next() {
            return found.next().is_none().then_some(first);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_that_is_meant_is_found_by_a_few_letters() {
        let names = ["accounts", "shop", "shop-admin", "search"];
        for (to, found) in [
            ("shop", Some("shop")),
            ("acc", Some("accounts")),
            ("admin", Some("shop-admin")),
            ("s", None),
            ("nothing", None),
            ("", None),
        ] {
            assert_eq!(meant(&names, to), found, "{to}");
        }
    }
}
