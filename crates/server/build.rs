//! Looks whether what the pages are made of is there: it is embedded, and none of it is committed here.

use std::path::Path;
use std::process::ExitCode;

/// As `src/pages/assets.rs` and `src/graphs/draw.rs` embed them.
const FROM_OTHERS: [&str; 9] = [
    "node_modules/@xterm/addon-fit/lib/addon-fit.mjs",
    "node_modules/@xterm/xterm/css/xterm.css",
    "node_modules/@xterm/xterm/lib/xterm.mjs",
    "node_modules/uplot/dist/uPlot.iife.min.js",
    "node_modules/uplot/dist/uPlot.min.css",
    "node_modules/htmx.org/dist/htmx.min.js",
    "node_modules/htmx-ext-sse/dist/sse.min.js",
    "node_modules/idiomorph/dist/idiomorph-ext.min.js",
    "node_modules/dejavu-fonts-ttf/ttf/DejaVuSans.ttf",
];

fn main() -> ExitCode {
    let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web");
    println!("cargo::rerun-if-changed={}", web.display());
    let missing = FROM_OTHERS.iter().find(|file| !web.join(file).is_file());
    if let Some(file) = missing {
        println!("cargo::error=web/{file} is missing: run npm ci in web/ (make setup does it)");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
