//! The store in an SQLite file: the default.
//!
//! One connection writes, a few read; the write-ahead log lets them work side by side. The methods of
//! [`Store`](crate::Store) open and close the transactions, the modules here that are named after
//! subjects do the work inside them.

mod audit;
mod backup;
mod branches;
mod builds;
mod certificates;
mod checkpoint;
mod connection;
mod containers;
mod deployments;
mod edges;
mod environments;
mod events;
mod fault;
mod follows;
mod hosts;
mod idempotency;
mod kept_hosts;
mod left_images;
mod maintenance;
mod meta;
mod people;
mod routes;
mod row;
mod schema;
mod secrets;
mod services;
mod sessions;
mod store;
mod tokens;
mod told;
mod upstream;
mod versions;
mod write;

pub use connection::{SqliteStore, open};

#[cfg(test)]
mod tests;
