//! Places containers on hosts: the trait, and one module per engine.
