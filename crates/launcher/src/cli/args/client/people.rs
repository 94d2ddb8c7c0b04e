//! People, their sessions, and who did what.

use clap::{Args, Subcommand};
use launcher_model::role::Role;
use launcher_model::{PersonName, ServiceName};

use super::{Listing, To, examples};

/// `person`.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum PersonCommand {
    /// Add a person, and print a link by which they set a password, once and within a day
    #[command(after_help = examples::PERSON_ADD)]
    Add(To<NewPerson>),
    /// List the people
    #[command(after_help = examples::PERSON_LIST)]
    List(To<Listing>),
    /// Show a person
    #[command(after_help = examples::PERSON_SHOW)]
    Show(To<OnePerson>),
    /// Change what a person may do, what they are called, and whether they may sign in
    #[command(after_help = examples::PERSON_SET)]
    Set(To<SetPerson>),
    /// Remove a person, and end their sessions
    #[command(after_help = examples::PERSON_REMOVE)]
    Remove(To<PersonNamed>),
    /// Give a person another password, or a link by which they set one
    #[command(after_help = examples::PERSON_PASSWORD)]
    Password(To<PersonPassword>),
}

/// `person add`.
#[derive(Debug, Clone, Args)]
pub(crate) struct NewPerson {
    /// The name to sign in with, such as mika
    pub(crate) name: PersonName,
    /// What they are called
    #[arg(long, value_name = "TEXT")]
    pub(crate) display_name: Option<String>,
    /// What they may do everywhere: admin, deployer, viewer or none
    #[arg(long, value_name = "ROLE", default_value = "viewer")]
    pub(crate) role: Role,
    #[command(flatten)]
    pub(crate) on: OnServices,
    /// Read a password from standard input or a hidden prompt, instead of printing a link
    #[arg(long)]
    pub(crate) password: bool,
}

/// Roles on single services.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct OnServices {
    /// What they may do with one service: admin, deployer or viewer; may be given several times
    #[arg(long = "on", value_name = "SERVICE=ROLE", value_parser = on_service)]
    pub(crate) on: Vec<(ServiceName, Role)>,
}

fn on_service(text: &str) -> Result<(ServiceName, Role), String> {
    let (service, role) =
        text.split_once('=').ok_or("write it as SERVICE=ROLE, such as shop=deployer")?;
    let service = ServiceName::new(service).map_err(|error| error.to_string())?;
    Ok((service, role.parse::<Role>().map_err(|error| error.to_string())?))
}

/// `person show`.
#[derive(Debug, Clone, Args)]
pub(crate) struct OnePerson {
    /// The name that they sign in with
    pub(crate) name: PersonName,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// A person's name.
#[derive(Debug, Clone, Args)]
pub(crate) struct PersonNamed {
    /// The name that they sign in with
    pub(crate) name: PersonName,
}

/// `person set`.
#[derive(Debug, Clone, Args)]
pub(crate) struct SetPerson {
    /// The name that they sign in with
    pub(crate) name: PersonName,
    /// What they are called; nothing any more when it is empty
    #[arg(long, value_name = "TEXT")]
    pub(crate) display_name: Option<String>,
    /// What they may do everywhere: admin, deployer, viewer or none
    #[arg(long, value_name = "ROLE")]
    pub(crate) role: Option<Role>,
    #[command(flatten)]
    pub(crate) on: OnServices,
    /// Take what they may do with one service beside that away; may be given several times
    #[arg(long, value_name = "SERVICE")]
    pub(crate) off: Vec<ServiceName>,
    /// They may not sign in any more; their sessions end
    #[arg(long, conflicts_with = "enable")]
    pub(crate) disable: bool,
    /// They may sign in again
    #[arg(long)]
    pub(crate) enable: bool,
    /// Forget who they are at the OpenID provider; their sessions end, and the next who signs in there by their name
    /// is them
    #[arg(long)]
    pub(crate) forget_openid: bool,
}

/// `person password`.
#[derive(Debug, Clone, Args)]
pub(crate) struct PersonPassword {
    /// The name that they sign in with
    pub(crate) name: PersonName,
    /// Print a link by which they set one, once and within a day
    #[arg(long)]
    pub(crate) link: bool,
}

/// `session`.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum SessionCommand {
    /// List the sessions of the pages
    #[command(after_help = examples::SESSION_LIST)]
    List(To<Listing>),
    /// End a session
    #[command(after_help = examples::SESSION_REVOKE)]
    Revoke(To<OneSession>),
}

/// `session revoke`.
#[derive(Debug, Clone, Args)]
pub(crate) struct OneSession {
    /// Its number, as `launcher session list` tells it
    pub(crate) id: i64,
}

/// `audit`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Audit {
    /// Only of this person or token
    #[arg(long, value_name = "NAME")]
    pub(crate) who: Option<String>,
    /// Only about this service
    #[arg(long, value_name = "SERVICE")]
    pub(crate) service: Option<ServiceName>,
    /// Only with this outcome: done, refused, failed, broken_off; several with commas
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Option<String>,
    /// From when on: how long ago, such as 12h, or a time such as 2026-11-24T08:15:00Z, or a day
    #[arg(long, value_name = "TIME", visible_alias = "from")]
    pub(crate) since: Option<String>,
    /// Until when, likewise
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<String>,
    /// Only the newest N [default: 50; all with --json and --csv]
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) tail: Option<usize>,
    /// Print JSON
    #[arg(long, conflicts_with = "csv")]
    pub(crate) json: bool,
    /// Print comma-separated values
    #[arg(long)]
    pub(crate) csv: bool,
}
