//! The edge from outside: real sockets, real containers (as far as HTTP goes), and a control plane that
//! says what the test wants.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod body_limits;
mod broken_off;
mod browser;
mod support;

mod access;
mod assets;
mod belonging;
mod compression;
mod daemon;
mod draining;
mod ejection;
mod framing;
mod grpc;
mod h2c;
mod half_closed;
mod headers;
mod holding;
mod http1;
mod http2;
mod https;
mod leaving;
mod limits;
mod load;
mod logins;
mod maintenance;
mod measuring;
mod moving;
mod pages;
mod paths;
mod retries;
mod routing;
mod rules;
mod silence;
mod streaming;
mod switching;
mod upgrades;
mod waking;
mod weights;
