//! `secret` and `token`.

use std::path::Path;

use launcher_server::MAX_SECRET;
use launcher_server::api::views::{NewTokenView, SecretView, TokenBody};
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::{Context, NO_BODY};
use crate::cli::args::client::{
    Listing, NewToken, SecretSet, SecretUnset, TokenName, TokenRecover,
};
use crate::cli::output::say;
use crate::cli::render::credentials;
use crate::cli::{Failure, input};
use crate::run::{administrator, data};

pub(super) async fn set((context, set): (Context, SecretSet)) -> Result<(), Failure> {
    let name = set.name.as_str();
    let value = match &set.from_file {
        Some(file) => from_file(file)?,
        None => input::secret(&format!("value of {name}"))?,
    };
    let length = value.expose_secret().len();
    if length > MAX_SECRET {
        return Err(Failure::Senseless(format!(
            "the value is {length} bytes long, and a secret's value is at most {MAX_SECRET}; keep what is \
             longer elsewhere, and the key to it in the secret"
        )));
    }
    let body = json!({ "value": value.expose_secret() });
    let path = ["secrets", name];
    let view: SecretView = context.client.change(Method::PUT, &path, &[], Some(&body)).await?;
    say(&format!(
        "{name} is set (value number {}); versions that are launched from now on get it",
        view.number
    ));
    if !view.previews_of.is_empty() {
        let services: Vec<String> = view.previews_of.iter().map(ToString::to_string).collect();
        let (services, status) = (services.join(", "), "`launcher status` says how many may look");
        say(&format!("previews of {services} ask for the logins in it from now on; {status}"));
    }
    Ok(())
}

fn from_file(file: &Path) -> Result<SecretString, Failure> {
    let text = std::fs::read_to_string(file);
    text.map(SecretString::from).map_err(Failure::io(format!("read {}", file.display())))
}

pub(super) async fn secrets((context, listing): (Context, Listing)) -> Result<(), Failure> {
    let items = context.client.list(&["secrets"]).await?;
    let empty = "no secret is set; `launcher secret set NAME` sets one";
    context.show(items, listing.json, empty, credentials::secrets)
}

pub(super) async fn unset((context, unset): (Context, SecretUnset)) -> Result<(), Failure> {
    let name = unset.name.as_str();
    let () = context.client.change(Method::DELETE, &["secrets", name], &[], NO_BODY).await?;
    say(&format!(
        "{name} is unset; versions that exist keep the value that they have, and previews that it opens are closed"
    ));
    Ok(())
}

pub(super) async fn create((context, token): (Context, NewToken)) -> Result<(), Failure> {
    let body = TokenBody {
        name: token.name,
        role: token.role,
        services: token.on.on.into_iter().collect(),
    };
    let view: NewTokenView = context.client.create_unkept(&["tokens"], &body).await?;
    context.out.line(&view.token)?;
    say(&format!("this is the token {}; it is shown this once", view.name));
    Ok(())
}

pub(super) async fn tokens((context, listing): (Context, Listing)) -> Result<(), Failure> {
    let items: Vec<Value> = context.client.list(&["tokens"]).await?;
    let empty = "there are no tokens; `launcher token create NAME` creates one";
    context.show(items, listing.json, empty, credentials::tokens)
}

pub(super) async fn revoke((context, token): (Context, TokenName)) -> Result<(), Failure> {
    let name = token.name.as_str();
    let () = context.client.change(Method::DELETE, &["tokens", name], &[], NO_BODY).await?;
    say(&format!("the token {name} is revoked, and its sessions have ended"));
    Ok(())
}

pub(super) async fn recover(recover: &TokenRecover) -> Result<(), Failure> {
    let folder = recover.data.clone().unwrap_or_else(data::default_dir);
    let file = administrator::recover(&folder).await;
    let file = file.map_err(|error| Failure::Senseless(format!("{error:#}")))?;
    say(&format!("the new administrator's token is in {}", file.display()));
    Ok(())
}
