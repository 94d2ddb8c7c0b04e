//! The data plane: route table, proxy engine, drain, and the edge daemon with its protocol.

pub mod check;
pub mod protocol;
pub mod table;
pub mod wire;
