//! Email, over a mail server that the team has.

use std::num::NonZeroUsize;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::line::Line;
use crate::sink::{Parcel, Sink, Takes};
use crate::words::{harmless, shortened};
use crate::{Error, Refusal, Result};

/// So many lines are in one mail.
const LINES: NonZeroUsize = NonZeroUsize::new(100).expect("it is more than none");
/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(30);
/// How long all of it may take.
const SENT: Duration = Duration::from_secs(120);
/// The longest subject, in characters.
const SUBJECT: usize = 120;

/// How a mail server is spoken with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailTls {
    /// TLS from the first byte, as on port 465.
    Wrapper,
    /// TLS after a greeting, as on port 587; without it nothing is sent.
    #[default]
    Starttls,
    /// None at all: for a server on this machine.
    None,
}

/// Where mail goes to, and by which server.
#[derive(Debug, Clone)]
pub struct Email {
    /// The server's name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How it is spoken with.
    pub tls: MailTls,
    /// Its authority's certificates in PEM, besides those that this machine trusts.
    pub authority: Option<Vec<u8>>,
    /// User and password, where it wants them.
    pub login: Option<(String, SecretString)>,
    /// Whose mail it is.
    pub from: String,
    /// Who gets it.
    pub to: Vec<String>,
}

/// One that is set up.
pub(crate) struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
    installation: String,
}

impl Mailer {
    pub(crate) fn new(target: &str, email: &Email, installation: &str) -> Result<Self> {
        let wrong = |what: &str, why: &dyn std::fmt::Display| {
            Error::Target(format!("{what} of the email target {target} cannot be used: {why}"))
        };
        let mailbox = |what: &str, text: &str| {
            text.parse::<Mailbox>().map_err(|error| wrong(&format!("{what} = {text:?}"), &error))
        };
        let tls = tls(email).map_err(|error| wrong("the TLS", &error))?;
        let host = email.host.as_str();
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .port(email.port)
            .timeout(Some(CONNECT))
            .tls(tls);
        if let Some((user, password)) = &email.login {
            let password = password.expose_secret().to_owned();
            transport = transport.credentials(Credentials::new(user.clone(), password));
        }
        let to = email.to.iter().map(|to| mailbox("to", to)).collect::<Result<Vec<_>>>()?;
        if to.is_empty() {
            return Err(wrong("to", &"it is empty; name who gets the mail"));
        }
        let from = mailbox("from", &email.from)?;
        let installation = installation.to_owned();
        Ok(Self { transport: transport.build(), from, to, installation })
    }

    fn message(&self, parcel: &Parcel) -> std::result::Result<Message, Refusal> {
        let since_epoch = Duration::from_secs(parcel.now.as_second().try_into().unwrap_or(0));
        let mut message = Message::builder()
            .from(self.from.clone())
            .subject(subject(&parcel.lines))
            .header(AutoSubmitted)
            .date(SystemTime::UNIX_EPOCH + since_epoch);
        // What is sent again is the same mail, so that whoever gets it twice can be shown it once.
        if let Some(news) = parcel.news.last() {
            let (id, domain) = (news.event.id, self.from.email.domain());
            message = message.message_id(Some(format!("<{id}.{}@{domain}>", self.installation)));
        }
        for to in &self.to {
            message = message.to(to.clone());
        }
        let lines = parcel.lines.iter();
        let text = lines.map(|line| format!("{}\n{}\n", line.text, line.link)).collect::<Vec<_>>();
        message
            .singlepart(SinglePart::plain(text.join("\n")))
            .map_err(|error| Refusal::never(format!("the mail cannot be written: {error}")))
    }
}

fn tls(email: &Email) -> std::result::Result<Tls, lettre::transport::smtp::Error> {
    if email.tls == MailTls::None {
        return Ok(Tls::None);
    }
    let mut parameters = TlsParameters::builder(email.host.clone());
    if let Some(pem) = &email.authority {
        parameters = parameters.add_root_certificate(Certificate::from_pem(pem)?);
    }
    let parameters = parameters.build_rustls()?;
    Ok(match email.tls {
        MailTls::Wrapper => Tls::Wrapper(parameters),
        _ => Tls::Required(parameters),
    })
}

/// What the mail is about: the line where there is one, else how many, and the first that is bad.
fn subject(lines: &[Line]) -> String {
    let first = lines.iter().find(|line| line.bad).or(lines.first());
    let text = first.map_or("", |line| line.text.as_str());
    let subject = match lines.len() {
        0 | 1 => format!("[launcher] {text}"),
        more => format!("[launcher] {more} events: {text}"),
    };
    shortened(&subject, SUBJECT).into_owned()
}

/// That no machine need answer (RFC 3834).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> std::result::Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

#[async_trait]
impl Sink for Mailer {
    fn takes(&self) -> Takes {
        Takes::Lines { at_once: LINES, newest: LINES }
    }

    async fn send(&self, parcel: &Parcel) -> std::result::Result<(), Refusal> {
        let message = self.message(parcel)?;
        let sent = tokio::time::timeout(SENT, self.transport.send(message)).await;
        match sent {
            Ok(Ok(_)) => Ok(()),
            Err(_) => Err(Refusal::later("the mail server does not answer in time")),
            Ok(Err(error)) => {
                let why = harmless(&error.to_string()).into_owned();
                // A login that is refused may be put right, and the mail is still there then.
                let wrong_login =
                    error.status().is_some_and(|code| matches!(u16::from(code), 530 | 534 | 535));
                let never = error.is_permanent() && !wrong_login;
                let why = format!("the mail server did not take it: {}", shortened(&why, 300));
                Err(if never { Refusal::never(why) } else { Refusal::later(why) })
            }
        }
    }
}
