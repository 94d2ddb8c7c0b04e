//! What is wanted and what happened, kept in a database.
