//! The whole program on each engine that it can work with: the same stories, told of one Docker Engine, of a
//! Docker Swarm and of Marathon.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod fluentd;
mod ground;
mod kills;
mod logs;
mod lost_hosts;
mod moves;
mod scaling;
mod story;
