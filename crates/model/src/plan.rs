//! Planning: from what is wanted and what is observed to what is done next.

pub mod assets;
pub mod auto;
pub mod branches;
pub mod containers;
pub mod environment;
pub mod leaving;
pub mod retention;
#[cfg(test)]
mod samples;
pub mod shares;
