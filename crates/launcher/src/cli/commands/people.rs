//! `person`, `session` and `audit`.

use std::collections::BTreeMap;

use launcher_model::role::Role;
use launcher_model::{PersonName, ServiceName};
use launcher_server::api::views::{
    AuditView, NewPersonView, PasswordView, PersonChangeBody, PersonView,
};
use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::{Context, NO_BODY, moment};
use crate::cli::args::client::{
    Audit, Listing, NewPerson, OnePerson, OneSession, PersonNamed, PersonPassword, SetPerson,
};
use crate::cli::output::say;
use crate::cli::render::people;
use crate::cli::{Failure, input};

pub(super) async fn add((context, new): (Context, NewPerson)) -> Result<(), Failure> {
    let services: BTreeMap<ServiceName, Role> = new.on.on.into_iter().collect();
    let name = new.name;
    let mut body = json!({ "name": name, "display_name": new.display_name, "role": new.role,
        "services": services });
    if new.password {
        let password = input::secret(&format!("password for {name}"))?;
        body["password"] = Value::from(password.expose_secret());
    }
    let view: NewPersonView = context.client.create_unkept(&["people"], &body).await?;
    match view.link {
        Some(link) => tell_link(&context, &name, &link),
        None => {
            say(&format!("{name} is added, and signs in with this password"));
            Ok(())
        }
    }
}

fn tell_link(context: &Context, name: &PersonName, link: &str) -> Result<(), Failure> {
    // A server that knows under which address people reach it says so.
    let server = if link.starts_with('/') { context.client.url() } else { String::new() };
    context.out.line(&format!("{}{link}", server.trim_end_matches('/')))?;
    say(&format!("by this link {name} sets a password and signs in, once and within a day"));
    Ok(())
}

pub(super) async fn list((context, listing): (Context, Listing)) -> Result<(), Failure> {
    let items = context.client.list(&["people"]).await?;
    let empty = "there are no people; `launcher person add NAME` adds one";
    context.show(items, listing.json, empty, people::people)
}

pub(super) async fn show((context, person): (Context, OnePerson)) -> Result<(), Failure> {
    let value = context.client.get_as_it_is(&["people", person.name.as_str()]).await?;
    if person.json {
        return context.out.json(&value);
    }
    let view: PersonView = context.understand(value)?;
    context.out.text(&people::people(&[view], &context.look))
}

pub(super) async fn set((context, set): (Context, SetPerson)) -> Result<(), Failure> {
    let path = ["people", set.name.as_str()];
    let services = if set.on.on.is_empty() && set.off.is_empty() {
        None
    } else {
        let before: PersonView = context.client.get(&path).await?;
        let mut services = before.services;
        services.retain(|service, _| !set.off.contains(service));
        services.extend(set.on.on);
        Some(services)
    };
    let disabled = (set.disable || set.enable).then_some(set.disable);
    let body = PersonChangeBody {
        display_name: set.display_name,
        role: set.role,
        services,
        disabled,
        forget_openid: set.forget_openid,
    };
    if body.display_name.is_none()
        && body.role.is_none()
        && body.services.is_none()
        && disabled.is_none()
        && !body.forget_openid
    {
        return Err(Failure::Senseless(
            "nothing is said that shall change; `launcher person set --help` shows what can"
                .to_owned(),
        ));
    }
    let view: PersonView = context.client.change(Method::PUT, &path, &[], Some(&body)).await?;
    say(&format!("{} {}", view.name, people::may(&view)));
    Ok(())
}

pub(super) async fn remove((context, person): (Context, PersonNamed)) -> Result<(), Failure> {
    let name = person.name.as_str();
    let () = context.client.change(Method::DELETE, &["people", name], &[], NO_BODY).await?;
    say(&format!("{name} is removed, and their sessions have ended"));
    Ok(())
}

pub(super) async fn password((context, wanted): (Context, PersonPassword)) -> Result<(), Failure> {
    let name = &wanted.name;
    let body = if wanted.link {
        json!({})
    } else {
        let password = input::secret(&format!("new password for {name}"))?;
        json!({ "password": password.expose_secret() })
    };
    let path = ["people", name.as_str(), "password"];
    let view: PasswordView = context.client.create_unkept(&path, &body).await?;
    match view.link {
        Some(link) => tell_link(&context, name, &link),
        None => {
            say(&format!("{name} has another password, and their sessions have ended"));
            Ok(())
        }
    }
}

pub(super) async fn sessions((context, listing): (Context, Listing)) -> Result<(), Failure> {
    let items = context.client.list(&["sessions"]).await?;
    let empty = "nobody is signed in to the pages";
    context.show(items, listing.json, empty, people::sessions)
}

pub(super) async fn revoke((context, session): (Context, OneSession)) -> Result<(), Failure> {
    let id = session.id.to_string();
    let () = context.client.change(Method::DELETE, &["sessions", &id], &[], NO_BODY).await?;
    say(&format!("session {id} has ended"));
    Ok(())
}

/// So many are shown to people when nothing is said.
const SHOWN: usize = 50;

pub(super) async fn audit((context, asked): (Context, Audit)) -> Result<(), Failure> {
    let (since, to) = (asked.since.as_deref().map(moment), asked.to.as_deref().map(moment));
    let mut query = Vec::new();
    query.extend(asked.who.as_deref().map(|who| ("who", who)));
    query.extend(asked.service.as_ref().map(|service| ("service", service.as_str())));
    query.extend(asked.kind.as_deref().map(|kind| ("kind", kind)));
    query.extend(since.as_deref().map(|since| ("since", since)));
    query.extend(to.as_deref().map(|to| ("to", to)));
    let whole = asked.json || asked.csv;
    let most = asked.tail.or((!whole).then_some(SHOWN));
    let items = context.client.part_of(&["audit"], &query, most).await?;
    if asked.csv {
        return context.csv::<AuditView>(items);
    }
    let empty = "nothing of the kind was done, as far back as it is kept";
    context.show(items, asked.json, empty, people::audit)
}
