//! From a push to a preview: a real git client, a real engine, a real registry.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod kills;
mod kills_upstream;
mod large;
mod pushing;
mod registries;
mod shop;
