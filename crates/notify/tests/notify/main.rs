//! Targets as others have made them: ngIRCd, a mail server, a program that checks signatures.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod email;
mod irc;
mod receiver;
mod sasl;
mod webhooks;
mod world;
