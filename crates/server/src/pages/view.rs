//! What the pages show, in the form in which they show it: words, counts and times, nothing to decide.

pub(super) mod ago;
pub(super) mod branch;
pub(super) mod closed;
pub(super) mod compared;
pub(super) mod container;
pub(super) mod deployment;
pub(super) mod environment;
pub(super) mod event;
mod freeze;
pub(super) mod graph;
pub(super) mod installation;
pub(super) mod log;
pub(super) mod mark;
pub(super) mod press;
pub(super) mod service;
pub(super) mod spark;
