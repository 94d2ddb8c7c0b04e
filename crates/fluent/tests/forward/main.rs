//! Both ends against clients and servers that others wrote, and against what can go wrong.
//!
//! The clients are those of `dev/fluent-clients`, which `dev/setup.sh fluent-clients` brings.

mod clients;
mod docker;
mod ground;
mod killed;
mod received;
mod sent;
mod servers;
