//! Certificates.

use clap::{Args, Subcommand};
use launcher_model::ServiceName;

use super::{Listing, To, examples};

/// `certificates`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Certificates {
    /// What to do with one.
    #[command(subcommand)]
    pub(crate) act: Option<CertificatesCommand>,
    #[command(flatten)]
    pub(crate) list: To<Listing>,
}

/// What can be done with a certificate.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum CertificatesCommand {
    /// Have a service's certificate ordered anew, now, and wait for it
    #[command(after_help = examples::CERTIFICATES_RENEW)]
    Renew(To<RenewCertificate>),
}

/// `certificates renew`.
#[derive(Debug, Clone, Args)]
pub(crate) struct RenewCertificate {
    /// Whose certificate it is
    pub(crate) service: ServiceName,
    /// Print JSON: the certificate as it is then
    #[arg(long)]
    pub(crate) json: bool,
}
