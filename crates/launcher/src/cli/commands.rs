//! The commands that talk to a server, a module for each kind.

mod apply;
mod attend;
mod branches;
mod build;
mod builds;
mod certificates;
mod credentials;
mod delete;
mod deployments;
mod doctor;
mod edges;
mod environments;
mod events;
mod execute;
mod generate;
mod hosts;
mod infrastructure;
mod launch;
mod logins;
mod logs;
mod maintenance;
mod metrics;
mod notifications;
mod people;
mod services;
mod trial;
mod wait;

use clap::Args;
use launcher_model::{ServiceName, Span, VersionNumber};
use launcher_server::api::views::{Csv, ServiceView};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Failure;
use super::args::client::{
    Branches, BranchesCommand, Builds, BuildsCommand, Certificates, CertificatesCommand,
    ClientCommand, Edges, EdgesCommand, Hosts, HostsCommand, Notifications, NotificationsCommand,
    PersonCommand, SecretCommand, SessionCommand, To, TokenCommand,
};
use super::client::Client;
use super::foreign::Shown;
use super::init;
use super::output::{Look, Output, say};
use super::place;

/// What every command works with.
struct Context {
    client: Client,
    out: Output,
    look: Look,
}

impl Context {
    fn new<T: Args>(to: To<T>) -> Result<(Self, T), Failure> {
        let client = Client::new(place::find(&to.server)?)?;
        Ok((Self { client, out: Output, look: Look::of_stdout() }, to.what))
    }

    /// Prints a list: as JSON, or laid out; when there is nothing in it, says what to do next.
    fn show<T: DeserializeOwned>(
        &self,
        items: Vec<Value>,
        json: bool,
        empty: &str,
        lay_out: impl FnOnce(&[T], &Look) -> String,
    ) -> Result<(), Failure> {
        if json {
            return self.out.json(&items);
        }
        if items.is_empty() {
            say(empty);
            return Ok(());
        }
        let items: Vec<T> = self.understand(Value::Array(items))?;
        self.out.text(&lay_out(&items, &self.look))
    }

    /// Prints a list as comma-separated values.
    fn csv<T: DeserializeOwned + Csv>(&self, items: Vec<Value>) -> Result<(), Failure> {
        let items: Vec<T> = self.understand(Value::Array(items))?;
        let lines: String = items.iter().map(Csv::csv).collect();
        self.out.text(&(T::csv_head() + &lines))
    }

    /// Reads what the server answered as what this program knows, to be shown to people.
    fn understand<T: DeserializeOwned>(&self, value: Value) -> Result<T, Failure> {
        serde_json::from_value(value)
            .map(|Shown(thing)| thing)
            .map_err(|error| Failure::Strange { url: self.client.url(), why: error.to_string() })
    }

    /// The version that was named, or the one that most production traffic goes to.
    async fn version_or_live(
        &self,
        service: &ServiceName,
        named: Option<VersionNumber>,
        command: &str,
    ) -> Result<VersionNumber, Failure> {
        if let Some(version) = named {
            return Ok(version);
        }
        let view: ServiceView = self.client.get(&["services", service.as_str()]).await?;
        let live = view.live.iter().max_by_key(|(_, percent)| **percent);
        live.map(|(version, _)| *version).ok_or_else(|| {
            Failure::Senseless(format!(
                "{service} has no live version; name one: `launcher {command} {service} VERSION`"
            ))
        })
    }
}

/// A version as the API's paths have it.
/// A time as the API takes it: how long ago gets a minus before it.
fn moment(text: &str) -> String {
    if text.parse::<Span>().is_ok() { format!("-{text}") } else { text.to_owned() }
}

fn number(version: VersionNumber) -> String {
    version.0.to_string()
}

/// Nothing, as the body of a call.
const NO_BODY: Option<&Value> = None;

pub(super) async fn run(command: ClientCommand) -> Result<(), Failure> {
    use ClientCommand as C;
    match command {
        C::Apply(to) => apply::apply(Context::new(to)?).await,
        C::Services(to) => services::list(Context::new(to)?).await,
        C::Delete(to) => delete::delete(Context::new(to)?).await,
        C::Status(to) => services::status(Context::new(to)?).await,
        C::Launch(to) => launch::launch(Context::new(to)?).await,
        C::Init(wanted) => init::init(wanted).await,
        C::Build(to) => build::build(Context::new(to)?).await,
        C::Builds(Builds { act: None, list }) => builds::list(Context::new(list)?).await,
        C::Builds(Builds { act: Some(act), .. }) => match act {
            BuildsCommand::Show(to) => builds::show(Context::new(to)?).await,
            BuildsCommand::Log(to) => builds::log(Context::new(to)?).await,
            BuildsCommand::Cancel(to) => builds::cancel(Context::new(to)?).await,
            BuildsCommand::Retry(to) => builds::retry(Context::new(to)?).await,
        },
        C::Branches(Branches { act: None, list }) => branches::list(Context::new(list)?).await,
        C::Branches(Branches { act: Some(BranchesCommand::Delete(to)), .. }) => {
            branches::delete(Context::new(to)?).await
        }
        C::Deploy(to) => deployments::deploy(Context::new(to)?).await,
        C::Try(to) => trial::link(Context::new(to)?).await,
        C::Rollback(to) => deployments::rollback(Context::new(to)?).await,
        C::Offline(to) => deployments::offline(Context::new(to)?).await,
        C::Hold(to) => deployments::hold(Context::new(to)?).await,
        C::Release(to) => deployments::release(Context::new(to)?).await,
        C::Maintenance(to) => maintenance::maintenance(Context::new(to)?).await,
        C::History(to) => deployments::history(Context::new(to)?).await,
        C::Metrics(to) => metrics::show(Context::new(to)?).await,
        C::Logs(to) => logs::logs(Context::new(to)?).await,
        C::Exec(to) => attend::exec(Context::new(to)?).await,
        C::Run(to) => execute::run(Context::new(to)?).await,
        C::Scale(to) => environments::scale(Context::new(to)?).await,
        C::Stop(to) => environments::ask(Context::new(to)?, "stop").await,
        C::Start(to) => environments::ask(Context::new(to)?, "start").await,
        C::Destroy(to) => environments::destroy(Context::new(to)?).await,
        C::Pin(to) => environments::ask(Context::new(to)?, "pin").await,
        C::Unpin(to) => environments::ask(Context::new(to)?, "unpin").await,
        C::Hosts(Hosts { act: None, list }) => hosts::list(Context::new(list)?).await,
        C::Hosts(Hosts { act: Some(act), .. }) => match act {
            HostsCommand::Close(to) => hosts::close(Context::new(to)?).await,
            HostsCommand::Drain(to) => hosts::drain(Context::new(to)?).await,
            HostsCommand::Open(to) => hosts::open(Context::new(to)?).await,
            HostsCommand::Label(to) => hosts::label(Context::new(to)?).await,
        },
        C::Certificates(Certificates { act: None, list }) => {
            certificates::list(Context::new(list)?).await
        }
        C::Certificates(Certificates { act: Some(CertificatesCommand::Renew(to)), .. }) => {
            certificates::renew(Context::new(to)?).await
        }
        C::Edges(Edges { act: None, list }) => edges::list(Context::new(list)?).await,
        C::Edges(Edges { act: Some(EdgesCommand::Invite(to)), .. }) => {
            edges::invite(Context::new(to)?).await
        }
        C::Edges(Edges { act: Some(EdgesCommand::Revoke(to)), .. }) => {
            edges::revoke(Context::new(to)?).await
        }
        C::Containers(to) => infrastructure::containers(Context::new(to)?).await,
        C::Events(to) => events::events(Context::new(to)?).await,
        C::Notifications(Notifications { act: None, list }) => {
            notifications::list(Context::new(list)?).await
        }
        C::Notifications(Notifications { act: Some(NotificationsCommand::Test(to)), .. }) => {
            notifications::test(Context::new(to)?).await
        }
        C::Secret(SecretCommand::Set(to)) => credentials::set(Context::new(to)?).await,
        C::Secret(SecretCommand::List(to)) => credentials::secrets(Context::new(to)?).await,
        C::Secret(SecretCommand::Unset(to)) => credentials::unset(Context::new(to)?).await,
        C::Token(TokenCommand::Create(to)) => credentials::create(Context::new(to)?).await,
        C::Token(TokenCommand::List(to)) => credentials::tokens(Context::new(to)?).await,
        C::Token(TokenCommand::Revoke(to)) => credentials::revoke(Context::new(to)?).await,
        C::Token(TokenCommand::Recover(recover)) => credentials::recover(&recover).await,
        C::Person(PersonCommand::Add(to)) => people::add(Context::new(to)?).await,
        C::Person(PersonCommand::List(to)) => people::list(Context::new(to)?).await,
        C::Person(PersonCommand::Show(to)) => people::show(Context::new(to)?).await,
        C::Person(PersonCommand::Set(to)) => people::set(Context::new(to)?).await,
        C::Person(PersonCommand::Remove(to)) => people::remove(Context::new(to)?).await,
        C::Person(PersonCommand::Password(to)) => people::password(Context::new(to)?).await,
        C::Session(SessionCommand::List(to)) => people::sessions(Context::new(to)?).await,
        C::Session(SessionCommand::Revoke(to)) => people::revoke(Context::new(to)?).await,
        C::Audit(to) => people::audit(Context::new(to)?).await,
        C::Login(login) => logins::login(&login).await,
        C::Logout => logins::logout(),
        C::Doctor(to) => doctor::doctor(to).await,
        C::Completions(wanted) => generate::completions(&wanted),
        C::Man(man) => generate::man(&man),
    }
}
