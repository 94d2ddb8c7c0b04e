//! The data plane: route table, proxy engine, drain, and the edge daemon with its protocol.
//!
//! In the order of a request: [`table`] is what the control plane says; `compiled` is that in the form
//! in which requests are looked up; `engine` carries them. In the order of a switch: the [`Daemon`]
//! hears of it over its `link`, which is framed by [`wire`] and speaks [`protocol`], and hands it to a
//! [`driver`]; `builtin` is the driver that carries traffic itself, `nginx` the one that has an nginx do
//! it, `keep` their memory on disk. `certificates` are those that HTTPS is spoken with. What became of each request is told to an [`access`] log.

pub mod access;
mod builtin;
mod certificates;
pub mod check;
mod compiled;
mod daemon;
pub mod driver;
mod engine;
mod error;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzz;
mod hold;
mod keep;
mod link;
mod looks;
mod nginx;
pub mod protocol;
pub mod remote;
pub mod samples;
pub mod stats;
pub mod table;
mod takeover;
mod wakes;
pub mod wire;

pub use certificates::{
    Certificate, Files as CertificateFiles, Unusable as UnusableCertificate, issuer_of,
};
pub use daemon::{Config, Counters, Daemon, Https, NginxDaemon, Start, run};
pub use engine::Limits;
pub use error::Error;
pub use link::ControlPlane;
pub use nginx::{Nginx, Options as NginxOptions};
