//! What calls are called in the document: `operationId`, of which programs that are generated from it make the
//! names of their functions.

use utoipa::openapi::path::Operation;
use utoipa::openapi::{OpenApi, PathItem};

/// Where all calls are, which is not said in each name.
const ROOT: &str = "/api/v1/";

/// Gives each call a name of its own, by its method and its path: `get_services_versions_logs`. A call of one
/// thing among several ends with what it is called by: `get_services_service`. The functions that answer are
/// called alike in many modules, and are nobody else's business.
pub(super) fn name(document: &mut OpenApi) {
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations(item) {
            operation.operation_id = Some(name_of(method, path));
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let all = [
        ("get", item.get.as_mut()),
        ("put", item.put.as_mut()),
        ("post", item.post.as_mut()),
        ("delete", item.delete.as_mut()),
        ("patch", item.patch.as_mut()),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation?)))
}

fn name_of(method: &str, path: &str) -> String {
    let parts: Vec<&str> = path.strip_prefix(ROOT).unwrap_or(path).split('/').collect();
    let last = parts.len() - 1;
    let is_said = |(nth, part): &(usize, &&str)| *nth == last || !part.starts_with('{');
    let said = parts.iter().enumerate().filter(is_said);
    said.fold(method.to_owned(), |name, (_, part)| {
        name + "_" + &part.trim_matches(['{', '}', '/']).replace(['-', '.'], "_")
    })
}

#[cfg(test)]
mod tests {
    use super::name_of;

    #[test]
    fn calls_are_named_by_what_they_are_about() {
        for (method, path, name) in [
            ("get", "/api/v1/services", "get_services"),
            ("get", "/api/v1/services/{service}", "get_services_service"),
            (
                "post",
                "/api/v1/services/{service}/versions/{version}/exec",
                "post_services_versions_exec",
            ),
            ("post", "/api/v1/hooks/{host}/{service}", "post_hooks_service"),
        ] {
            assert_eq!(name_of(method, path), name);
        }
    }
}
