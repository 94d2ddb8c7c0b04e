//! Webhooks: chats that take a JSON message at a secret URL, and a signed one for programs.

mod chat;
mod signed;

use std::num::NonZeroUsize;

use async_trait::async_trait;
use secrecy::SecretString;
use serde::Deserialize;

pub use signed::signature;

use crate::http::{Endpoint, send};
use crate::links::Links;
use crate::sink::{Parcel, Sink, Takes};
use crate::{Error, Refusal, Result};

/// So many lines are one message.
const LINES: NonZeroUsize = NonZeroUsize::new(20).expect("it is more than none");

/// What takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WebhookKind {
    /// Slack's "incoming webhooks", which others understand too.
    Slack,
    /// Mattermost's.
    Mattermost,
    /// Discord's.
    Discord,
    /// A program that checks a signature.
    Signed,
}

/// A webhook.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// What takes it.
    pub kind: WebhookKind,
    /// Where it goes.
    pub url: SecretString,
    /// What it is signed with, where it is.
    pub secret: Option<SecretString>,
    /// It may lead to an address that is not public.
    pub allow_private: bool,
}

/// One that is set up.
pub(crate) struct Hook {
    kind: WebhookKind,
    endpoint: Endpoint,
    secret: Option<SecretString>,
    links: Links,
    installation: String,
}

impl Hook {
    pub(crate) fn new(
        target: &str,
        webhook: &Webhook,
        links: Links,
        installation: &str,
    ) -> Result<Self> {
        let (kind, secret) = (webhook.kind, webhook.secret.clone());
        if (kind == WebhookKind::Signed) != secret.is_some() {
            let why = match secret {
                None => "needs a secret to sign with; write secret_file",
                Some(_) => "signs nothing, only kind = \"signed\" does; leave secret_file out",
            };
            return Err(Error::Target(format!("the webhook {target} {why}")));
        }
        let endpoint = Endpoint::new(target, &webhook.url, webhook.allow_private)?;
        Ok(Self { kind, endpoint, secret, links, installation: installation.to_owned() })
    }
}

#[async_trait]
impl Sink for Hook {
    fn takes(&self) -> Takes {
        match self.kind {
            WebhookKind::Signed => Takes::Each,
            _ => Takes::Lines { at_once: LINES, newest: LINES },
        }
    }

    async fn send(&self, parcel: &Parcel) -> std::result::Result<(), Refusal> {
        let request = self.endpoint.post();
        let request = match &self.secret {
            Some(secret) => {
                let body = signed::body(parcel, &self.links, &self.installation);
                signed::request(request, secret, body, parcel.now)
            }
            None => request.json(&chat::body(self.kind, &parcel.lines)),
        };
        send(request, parcel.now).await
    }
}
