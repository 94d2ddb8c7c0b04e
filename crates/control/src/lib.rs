//! The reconcilers: environments, routes, retention.
