//! Secrets, tokens, and the login.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use launcher_model::role::Role;
use launcher_model::secret::SecretName;

use super::{Listing, OnServices, To, examples};

/// `secret`.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum SecretCommand {
    /// Give a secret a value, from standard input, a hidden prompt, or a file
    #[command(after_help = examples::SECRET_SET)]
    Set(To<SecretSet>),
    /// List the secrets that are set; their values are shown to nobody
    #[command(after_help = examples::SECRET_LIST)]
    List(To<Listing>),
    /// Make a secret unusable for new versions
    #[command(after_help = examples::SECRET_UNSET)]
    Unset(To<SecretUnset>),
}

/// `secret set`.
#[derive(Debug, Clone, Args)]
pub(crate) struct SecretSet {
    /// Its name, such as shop/database-url
    #[arg(value_parser = secret_name)]
    pub(crate) name: SecretName,
    /// A file that holds the value, taken as it is
    #[arg(long, value_name = "FILE")]
    pub(crate) from_file: Option<PathBuf>,
}

/// `secret unset`.
#[derive(Debug, Clone, Args)]
pub(crate) struct SecretUnset {
    /// Its name
    #[arg(value_parser = secret_name)]
    pub(crate) name: SecretName,
}

fn secret_name(text: &str) -> Result<SecretName, launcher_model::secret::InvalidSecretName> {
    SecretName::new(text)
}

/// `token`.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum TokenCommand {
    /// Create a token, and print it this once
    #[command(after_help = examples::TOKEN_CREATE)]
    Create(To<NewToken>),
    /// List the tokens, those revoked too
    #[command(after_help = examples::TOKEN_LIST)]
    List(To<Listing>),
    /// Make a token invalid
    #[command(after_help = examples::TOKEN_REVOKE)]
    Revoke(To<TokenName>),
    /// Make a new administrator's token when it was lost, on the server's machine
    ///
    /// The one before becomes invalid. The server must be stopped meanwhile; the edges go on serving.
    #[command(after_help = examples::TOKEN_RECOVER)]
    Recover(TokenRecover),
}

/// `token recover`.
#[derive(Debug, Clone, Args)]
pub(crate) struct TokenRecover {
    /// The server's data directory
    #[arg(long, value_name = "DIR", env = "LAUNCHER_DATA")]
    pub(crate) data: Option<PathBuf>,
}

/// `token create`.
#[derive(Debug, Clone, Args)]
pub(crate) struct NewToken {
    /// What it is called, such as whose it is
    pub(crate) name: String,
    /// What it may do everywhere: admin, deployer, viewer, agent or none
    #[arg(long, value_name = "ROLE", default_value_t)]
    pub(crate) role: Role,
    #[command(flatten)]
    pub(crate) on: OnServices,
}

/// A token's name.
#[derive(Debug, Clone, Args)]
pub(crate) struct TokenName {
    /// What it is called, such as whose it is
    pub(crate) name: String,
}

/// `login`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Login {
    /// The server
    pub(crate) url: String,
}
