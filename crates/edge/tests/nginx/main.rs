//! The edge beside a real nginx: each test starts one of its own, on ports of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

#[allow(dead_code, unused_imports, reason = "of what the edge's own tests share, these use a part")]
#[path = "../edge/support/mod.rs"]
mod support;

#[path = "../edge/browser.rs"]
mod browser;
mod lab;

mod draining;
mod lifecycle;
mod limiting;
mod load;
mod maintaining;
mod paths;
mod proxying;
mod refusals;
mod reloads;
mod rules;
mod sharing;
mod switching;
mod trying;
mod waking;
