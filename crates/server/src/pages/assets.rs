//! Scripts, styles and icons, embedded. Their address carries their content's hash, so that a browser may
//! keep them for good.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "../../web"]
#[include = "app.css"]
#[include = "app.js"]
#[include = "icons/*.svg"]
#[include = "node_modules/htmx.org/dist/htmx.min.js"]
#[include = "node_modules/htmx-ext-sse/dist/sse.min.js"]
#[include = "node_modules/idiomorph/dist/idiomorph-ext.min.js"]
struct Files;

struct Asset {
    hash: String,
    file: EmbeddedFile,
}

static ASSETS: LazyLock<BTreeMap<String, Asset>> = LazyLock::new(|| {
    let found = Files::iter().filter_map(|path| Some((Files::get(&path)?, path)));
    found.map(|(file, path)| (short_name(&path), Asset { hash: hash_of(&file), file })).collect()
});

/// A package's file is known by its last name alone.
fn short_name(path: &str) -> String {
    let name = if path.starts_with("node_modules/") { path.rsplit('/').next() } else { None };
    name.unwrap_or(path).to_owned()
}

fn hash_of(file: &EmbeddedFile) -> String {
    file.metadata.sha256_hash()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Where a browser gets a file.
pub(super) fn url(name: &str) -> String {
    let hash = ASSETS.get(name).map_or("0", |asset| asset.hash.as_str());
    format!("/assets/{hash}/{name}")
}

pub(super) async fn asset(Path((hash, name)): Path<(String, String)>) -> Response {
    let Some(asset) = ASSETS.get(&name).filter(|asset| asset.hash == hash) else {
        return (StatusCode::NOT_FOUND, "there is no such file; reload the page\n").into_response();
    };
    let kind = asset.file.metadata.mimetype().to_owned();
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable".to_owned()),
    ];
    (headers, asset.file.data.clone()).into_response()
}
