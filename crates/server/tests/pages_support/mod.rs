//! A whole server in this process for the tests of its pages, and whoever visits it.

pub(crate) mod browser;
mod visitor;
mod world;

use std::time::{Duration, Instant};

#[allow(unused_imports)] // Not every test has both.
pub(crate) use visitor::{Answer, Visitor};
pub(crate) use world::{WHO, World};

/// Waits for a condition; fails with these words when it does not come.
pub(crate) async fn eventually(what: &str, condition: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition().await {
        assert!(Instant::now() < deadline, "not within 20 s: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
