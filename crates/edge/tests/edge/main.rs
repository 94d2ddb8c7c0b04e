//! The edge from outside: real sockets, real containers (as far as HTTP goes), and a control plane that
//! says what the test wants.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod broken_off;
mod support;

mod belonging;
mod daemon;
mod draining;
mod framing;
mod headers;
mod holding;
mod limits;
mod load;
mod maintenance;
mod pages;
mod retries;
mod routing;
mod streaming;
mod switching;
mod upgrades;
mod weights;
