//! `url`, `[[irc]]`, `[[webhooks]]`, `[[email]]` and `[sensu]`: who is told what happens.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use jiff::SignedDuration;
use launcher_model::Span;
use launcher_notify::{
    Channel, Config, Email, IrcServer, IrcTls, Login, MailTls, Place, Rule, SENSU_URL, Sensu, To,
    Webhook, WebhookKind,
};
use secrecy::SecretString;
use serde::Deserialize;

use super::web_address;

/// All that the file says of it.
pub(super) struct Notifications {
    pub(super) general: General,
    pub(super) irc: Vec<Irc>,
    pub(super) webhooks: Vec<Hook>,
    pub(super) email: Vec<Mail>,
    pub(super) sensu: Option<SensuAgent>,
}

/// `[notifications]`: what holds for all.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct General {
    give_up_after: Option<Span>,
}

fn all_services() -> Vec<String> {
    vec!["*".to_owned()]
}

fn usual_events() -> Vec<String> {
    vec!["usual".to_owned()]
}

/// `[[irc]]`: one server.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Irc {
    name: String,
    server: String,
    #[serde(default = "yes")]
    tls: bool,
    ca_file: Option<PathBuf>,
    #[serde(default = "own_nick")]
    nick: String,
    password_file: Option<PathBuf>,
    sasl: Option<Sasl>,
    channels: Vec<IrcChannel>,
}

fn yes() -> bool {
    true
}

fn own_nick() -> String {
    "launcher".to_owned()
}

/// `sasl`: an account of that server.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sasl {
    user: String,
    password_file: PathBuf,
}

/// One of `channels`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct IrcChannel {
    name: String,
    key_file: Option<PathBuf>,
    #[serde(default = "all_services")]
    services: Vec<String>,
    #[serde(default = "usual_events")]
    events: Vec<String>,
}

/// `[[webhooks]]`: one URL.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hook {
    name: String,
    kind: WebhookKind,
    url: Option<SecretString>,
    url_file: Option<PathBuf>,
    secret_file: Option<PathBuf>,
    #[serde(default)]
    allow_private: bool,
    #[serde(default = "all_services")]
    services: Vec<String>,
    #[serde(default = "usual_events")]
    events: Vec<String>,
}

/// `[[email]]`: one list of people.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mail {
    #[serde(default = "email")]
    name: String,
    server: String,
    #[serde(default)]
    tls: MailTls,
    ca_file: Option<PathBuf>,
    username: Option<String>,
    password_file: Option<PathBuf>,
    from: String,
    to: Vec<String>,
    #[serde(default = "all_services")]
    services: Vec<String>,
    #[serde(default = "usual_events")]
    events: Vec<String>,
}

fn email() -> String {
    "email".to_owned()
}

/// `[sensu]`: the agent.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SensuAgent {
    url: Option<String>,
    #[serde(default)]
    handlers: Vec<String>,
    entity_prefix: Option<String>,
    #[serde(default = "all_services")]
    services: Vec<String>,
}

impl Notifications {
    /// Reads the files that are named, and checks everything.
    pub(super) fn read(self) -> Result<Config> {
        let mut places = Vec::new();
        for hook in self.webhooks {
            places.push(hook.read()?);
        }
        for mail in self.email {
            places.push(mail.read()?);
        }
        if let Some(sensu) = self.sensu {
            places.push(sensu.read()?);
        }
        let irc = self.irc.into_iter().map(Irc::read).collect::<Result<_>>()?;
        let mut config = Config { irc, places, ..Config::default() };
        if let Some(span) = self.general.give_up_after {
            if span.duration().is_zero() {
                bail!(
                    "[notifications] give_up_after is 0, so that nobody would be told anything; write how long \
                     to try, such as \"24h\""
                );
            }
            config.give_up_after = SignedDuration::try_from(span.duration())
                .context("[notifications] give_up_after is too long")?;
        }
        Ok(config)
    }
}

impl Irc {
    fn read(self) -> Result<IrcServer> {
        let about = format!("[[irc]] {}", self.name);
        check_name(&about, &self.name)?;
        let usual = if self.tls { 6697 } else { 6667 };
        let (host, port) = address(&about, &self.server, usual)?;
        let word = |what: &str, text: &str| check_word(&about, what, text);
        word("nick", &self.nick)?;
        if self.channels.is_empty() {
            bail!("{about} names no channel; write channels = [{{ name = \"#deploys\" }}]");
        }
        let mut channels = Vec::new();
        for channel in &self.channels {
            word("a channel's name", &channel.name)?;
            if !channel.name.starts_with(['#', '&', '+', '!']) {
                bail!("{about}: the channel {:?} must begin with #", channel.name);
            }
            let same = |one: &&IrcChannel| one.name.eq_ignore_ascii_case(&channel.name);
            if self.channels.iter().filter(same).count() > 1 {
                bail!("{about} names the channel {} twice; say all of it once", channel.name);
            }
            let key = channel.key_file.as_deref().map(|path| secret(&about, path)).transpose()?;
            let rule =
                rule(&format!("{about} {}", channel.name), &channel.services, &channel.events)?;
            channels.push(Channel { name: channel.name.clone(), key, rule });
        }
        let tls = match (self.tls, &self.ca_file) {
            (true, path) => Some(IrcTls { authority: certificates(&about, path.as_deref())? }),
            (false, None) => None,
            (false, Some(_)) => {
                bail!("{about} has a ca_file and tls = false; leave out one of them")
            }
        };
        let password =
            self.password_file.as_deref().map(|path| secret(&about, path)).transpose()?;
        let login = match self.sasl {
            None => None,
            Some(sasl) => {
                let password = secret(&about, &sasl.password_file)?;
                Some(Login { user: sasl.user, password })
            }
        };
        let (name, nick) = (self.name, self.nick);
        Ok(IrcServer { name, host, port, tls, nick, password, login, channels })
    }
}

impl Hook {
    fn read(self) -> Result<Place> {
        let about = format!("[[webhooks]] {}", self.name);
        check_name(&about, &self.name)?;
        let url = match (self.url, &self.url_file) {
            (Some(url), None) => url,
            (None, Some(path)) => secret(&about, path)?,
            _ => bail!("{about} needs a url, or a url_file for one that is a secret, and not both"),
        };
        let secret = self.secret_file.as_deref().map(|path| secret(&about, path)).transpose()?;
        let (kind, allow_private) = (self.kind, self.allow_private);
        let to = To::Webhook(Webhook { kind, url, secret, allow_private });
        Ok(Place { rule: rule(&about, &self.services, &self.events)?, name: self.name, to })
    }
}

impl Mail {
    fn read(self) -> Result<Place> {
        let about = format!("[[email]] {}", self.name);
        check_name(&about, &self.name)?;
        let usual = match self.tls {
            MailTls::Wrapper => 465,
            MailTls::Starttls => 587,
            MailTls::None => 25,
        };
        let (host, port) = address(&about, &self.server, usual)?;
        let login = match (self.username, &self.password_file) {
            (Some(user), Some(path)) => Some((user, secret(&about, path)?)),
            (None, None) => None,
            _ => bail!("{about} needs both username and password_file, or neither"),
        };
        if login.is_some() && self.tls == MailTls::None && !is_here(&host) {
            bail!(
                "{about} would send its password to {host} as everybody on the way can read it; leave tls out, or \
                 write tls = \"wrapper\""
            );
        }
        let (tls, from, to) = (self.tls, self.from, self.to);
        let authority = certificates(&about, self.ca_file.as_deref())?;
        let to = To::Email(Email { host, port, tls, authority, login, from, to });
        Ok(Place { rule: rule(&about, &self.services, &self.events)?, name: self.name, to })
    }
}

impl SensuAgent {
    fn read(self) -> Result<Place> {
        let url = self.url.unwrap_or_else(|| SENSU_URL.to_owned());
        web_address("[sensu] url", &url, SENSU_URL)?;
        for handler in &self.handlers {
            check_sensu("handlers", handler, "\"slack\"")?;
        }
        if let Some(prefix) = self.entity_prefix.as_deref().filter(|prefix| !prefix.is_empty()) {
            check_sensu("entity_prefix", prefix, "\"launcher-\"")?;
        }
        // It picks those that break or mend something.
        let rule = rule("[sensu]", &self.services, &["all".to_owned()])?;
        let to =
            To::Sensu(Sensu { url, handlers: self.handlers, entity_prefix: self.entity_prefix });
        Ok(Place { name: "sensu".to_owned(), rule, to })
    }
}

fn rule(about: &str, services: &[String], events: &[String]) -> Result<Rule> {
    for (key, chosen, rest) in [("services", services, "all"), ("events", events, "the usual")] {
        if chosen.is_empty() {
            bail!("{about} has {key} = [], and would tell nothing; leave {key} out for {rest}");
        }
    }
    Rule::new(services, events).with_context(|| format!("{about} cannot be used"))
}

/// A name of Sensu's, or the beginning of one: letters, digits, dots, dashes and underscores.
fn check_sensu(key: &str, name: &str, example: &str) -> Result<()> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || !name.chars().all(fits) {
        bail!(
            "[sensu] {key} has {name:?}, which Sensu does not take for a name; write letters, digits, dots, dashes \
             and underscores, such as {example}"
        );
    }
    Ok(())
}

/// The address of the pages, as people reach it.
pub(super) fn url(url: Option<String>) -> Result<Option<String>> {
    let Some(url) = url else { return Ok(None) };
    // What stands in it goes into links as it is.
    web_address("url", &url, "https://launcher.example.com")?;
    Ok(Some(url))
}

/// A name that can be typed, and stand in an address.
fn check_name(about: &str, name: &str) -> Result<()> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > 63 || !name.chars().all(fits) {
        bail!("{about}: a name has up to 63 letters, digits, dashes, dots and underscores");
    }
    Ok(())
}

/// A word of the protocol of IRC.
fn check_word(about: &str, what: &str, text: &str) -> Result<()> {
    let breaks = |c: char| c.is_whitespace() || c.is_control() || matches!(c, ',' | ':');
    if text.is_empty() || text.len() > 50 || text.contains(breaks) {
        bail!(
            "{about}: {what} is {text:?}; it has 1 to 50 bytes, and no blanks, commas and colons"
        );
    }
    Ok(())
}

/// `HOST` or `HOST:PORT`.
fn address(about: &str, text: &str, usual: u16) -> Result<(String, u16)> {
    let wrong = || {
        format!("{about}: server is {text:?}; write HOST:PORT, such as \"irc.example.com:6697\"")
    };
    let (host, port) = match text.rsplit_once(':') {
        // The colons of an IPv6 address are within brackets.
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
            (host, port.parse().with_context(wrong)?)
        }
        _ => (text, usual),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c == '/') {
        bail!(wrong());
    }
    Ok((host.to_owned(), port))
}

/// Whether a host is this machine.
fn is_here(host: &str) -> bool {
    let address = host.parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn secret(about: &str, path: &Path) -> Result<SecretString> {
    crate::run::secret::read("what is secret", path).with_context(|| about.to_owned())
}

pub(super) fn certificates(about: &str, path: Option<&Path>) -> Result<Option<Vec<u8>>> {
    let read = |path: &Path| {
        std::fs::read(path).with_context(|| format!("{about}: cannot read {}", path.display()))
    };
    path.map(read).transpose()
}

#[cfg(test)]
mod tests;
