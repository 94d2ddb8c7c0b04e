//! The hosts.

use clap::{Args, Subcommand};

use super::{To, examples};

/// `hosts`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Hosts {
    /// What to do with one.
    #[command(subcommand)]
    pub(crate) act: Option<HostsCommand>,
    #[command(flatten)]
    pub(crate) list: To<HostsList>,
}

/// Which hosts, and how to print them.
#[derive(Debug, Clone, Args)]
pub(crate) struct HostsList {
    /// Only this one, with what runs on it
    pub(crate) host: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What can be done with a host.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum HostsCommand {
    /// Have a host take nothing new; what is on it stays
    #[command(after_help = examples::HOSTS_CLOSE)]
    Close(To<OneHost>),
    /// Have a host take nothing new, and what is on it go elsewhere, without a lost request
    #[command(after_help = examples::HOSTS_DRAIN)]
    Drain(To<DrainHost>),
    /// Have a host take containers again
    #[command(after_help = examples::HOSTS_OPEN)]
    Open(To<OneHost>),
    /// Say whose a host is, and give it labels beside those of the engine
    #[command(after_help = examples::HOSTS_LABEL)]
    Label(To<LabelHost>),
}

/// A host's name.
#[derive(Debug, Clone, Args)]
pub(crate) struct OneHost {
    /// Its name
    pub(crate) host: String,
}

/// `hosts drain`.
#[derive(Debug, Clone, Args)]
pub(crate) struct DrainHost {
    /// Its name
    pub(crate) host: String,
    /// Wait until no container of ours runs on it
    #[arg(long)]
    pub(crate) wait: bool,
}

/// `hosts label`.
#[derive(Debug, Clone, Args)]
pub(crate) struct LabelHost {
    /// Its name
    pub(crate) host: String,
    /// Labels; one without a value is taken away
    #[arg(value_name = "KEY=VALUE", value_parser = label, required_unless_present = "owner")]
    pub(crate) labels: Vec<(String, String)>,
    /// The team that answers for it; an empty one is none
    #[arg(long, value_name = "TEAM")]
    pub(crate) owner: Option<String>,
}

fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE, or KEY= to take it away")?;
    Ok((key.to_owned(), value.to_owned()))
}
