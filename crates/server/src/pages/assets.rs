//! Scripts, styles and icons, embedded. Their address carries their content's hash, so that a browser may
//! keep them for good.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "../../web"]
#[include = "app.css"]
#[include = "app.js"]
#[include = "graphs.js"]
#[include = "terminal.js"]
#[include = "icons/*.svg"]
#[include = "node_modules/@xterm/xterm/css/xterm.css"]
#[include = "node_modules/@xterm/xterm/lib/xterm.mjs"]
#[include = "node_modules/@xterm/addon-fit/lib/addon-fit.mjs"]
#[include = "node_modules/uplot/dist/uPlot.iife.min.js"]
#[include = "node_modules/uplot/dist/uPlot.min.css"]
#[include = "node_modules/htmx.org/dist/htmx.min.js"]
#[include = "node_modules/htmx-ext-sse/dist/sse.min.js"]
#[include = "node_modules/idiomorph/dist/idiomorph-ext.min.js"]
struct Files;

struct Asset {
    hash: String,
    file: EmbeddedFile,
    /// The same in fewer bytes.
    gzip: Bytes,
}

static ASSETS: LazyLock<BTreeMap<String, Asset>> = LazyLock::new(|| {
    let found = Files::iter().filter_map(|path| Some((Files::get(&path)?, path)));
    found.map(|(file, path)| (short_name(&path), Asset::new(file))).collect()
});

impl Asset {
    fn new(file: EmbeddedFile) -> Self {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        // Writing to memory does not fail.
        let written = encoder.write_all(&file.data).and_then(|()| encoder.finish());
        let gzip = written.unwrap_or_default().into();
        Self { hash: hash_of(&file), file, gzip }
    }
}

/// Whether a browser takes gzip. All do that are not of a museum, and say it plainly.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|accepts| accepts.to_str().ok());
    let mut accepted = accepted.unwrap_or_default().split(',').map(str::trim);
    accepted.any(|one| one == "gzip")
}

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

pub(super) async fn asset(
    Path((hash, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let Some(asset) = ASSETS.get(&name).filter(|asset| asset.hash == hash) else {
        return (StatusCode::NOT_FOUND, "there is no such file; reload the page\n").into_response();
    };
    let kind = asset.file.metadata.mimetype().to_owned();
    let told = [
        (header::CONTENT_TYPE, kind.as_str()),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (header::VARY, "accept-encoding"),
    ];
    if takes_gzip(&headers) {
        return (told, [(header::CONTENT_ENCODING, "gzip")], asset.gzip.clone()).into_response();
    }
    (told, asset.file.data.clone()).into_response()
}
