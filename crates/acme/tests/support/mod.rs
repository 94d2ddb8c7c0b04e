//! A control plane with edges, and an authority beside it.

mod authority;
mod edge;
mod world;

pub(crate) use authority::Authority;
pub(crate) use edge::{handshake, shown_by};
pub(crate) use world::World;
