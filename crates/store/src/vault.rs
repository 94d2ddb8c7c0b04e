//! Seals the values of secrets.
