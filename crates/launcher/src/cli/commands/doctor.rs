//! `doctor`: looks at everything that must be in order, and says what to do where it is not.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use launcher_server::api::views::{
    CertificateState, CertificateView, CheckupView, EdgeState, EdgeView, NotificationView,
    ProviderCheckView, RegistryCheckView, ServerView,
};
use reqwest::Url;

use crate::cli::Failure;
use crate::cli::args::client::{Listing, ServerOptions, To};
use crate::cli::client::{Client, innermost};
use crate::cli::foreign::Shown;
use crate::cli::output::{Look, Output};
use crate::cli::place::{self, shown};
use crate::cli::render::checkup::{Check, Finding, checks};
use crate::cli::render::notifications::failing;

/// This program's version.
const OWN: &str = env!("CARGO_PKG_VERSION");
/// Clocks that differ by more make times hard to compare.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_secs(5);
/// A certificate that has no longer than that should have been renewed.
const SOON: SignedDuration = SignedDuration::from_hours(10 * 24);

pub(super) async fn doctor(to: To<Listing>) -> Result<(), Failure> {
    let found = examine(&to.server).await?;
    if to.what.json {
        Output.json(&found)?;
    } else {
        Output.text(&checks(&found, &Look::of_stdout()))?;
    }
    match found.iter().filter(|check| check.finding == Finding::Bad).count() {
        0 => Ok(()),
        1 => Err(Failure::Unwell("1 check has failed".to_owned())),
        bad => Err(Failure::Unwell(format!("{bad} checks have failed"))),
    }
}

async fn examine(options: &ServerOptions) -> Result<Vec<Check>, Failure> {
    let url = place::find_url(options)?;
    let (reached, date) = reach(&url).await;
    let mut found = vec![reached];
    if found[0].finding == Finding::Bad {
        found.extend(
            [
                "token",
                "engine",
                "edges",
                "certificates",
                "versions",
                "registries",
                "sign-in",
                "notifications",
                "clock",
            ]
            .map(skipped),
        );
        return Ok(found);
    }
    let asked = async {
        let client = Client::new(place::find(options)?)?;
        let server: ServerView = client.get(&["server"]).await?;
        Ok::<_, Failure>((client, server))
    };
    match asked.await {
        Ok((client, server)) => {
            let edges = client.list(&["edges"]).await?;
            let edges = edges.into_iter().filter_map(|edge| serde_json::from_value(edge).ok());
            let edges: Vec<EdgeView> = edges.collect();
            found.push(good("token", format!("valid: you are {}", server.you)));
            found.push(engine(&server));
            found.push(self::edges(&edges));
            found.push(certificates(&client).await);
            found.push(versions(&server, &edges));
            found.extend(checkup(&client).await);
            found.push(notifications(&client).await);
        }
        Err(failure) => {
            found.push(token(&failure));
            let skip = [
                "engine",
                "edges",
                "certificates",
                "versions",
                "registries",
                "sign-in",
                "notifications",
            ];
            found.extend(skip.map(skipped));
        }
    }
    found.push(clock(date));
    Ok(found)
}

/// Whether a server answers and would take a change, and what its clock says.
async fn reach(url: &Url) -> (Check, Option<Timestamp>) {
    let name = "server";
    let plain = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build();
    let asked = async { plain?.get(format!("{url}readyz")).send().await };
    let answer = match asked.await {
        Ok(answer) => answer,
        Err(error) => {
            let found = format!("none answers at {} ({})", shown(url), innermost(&error));
            let to_do = "start one with `launcher up`, or say where it is with LAUNCHER_URL or `launcher login URL`";
            return (bad(name, found, to_do), None);
        }
    };
    let date = answer.headers().get("date").and_then(|date| date.to_str().ok());
    let date = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok()).map(|at| at.timestamp());
    let check = match answer.status().as_u16() {
        200 => good(name, format!("answers at {}", shown(url))),
        503 => bad(
            name,
            format!("answers at {}, and takes no changes", shown(url)),
            "look at its log: its database cannot be written, for example because the disk is full",
        ),
        status => bad(
            name,
            format!("{} answers {status}: it is no Rocket Launcher server", shown(url)),
            "check the URL",
        ),
    };
    (check, date)
}

fn token(failure: &Failure) -> Check {
    let to_do = match failure {
        Failure::Refused { status: 401, .. } => {
            "run `launcher login URL` with a valid token, or set LAUNCHER_TOKEN"
        }
        Failure::NoToken { .. } => "give one as the message says",
        _ => "look at the server's log",
    };
    bad("token", failure.to_string(), to_do)
}

fn engine(server: &ServerView) -> Check {
    let name = "engine";
    match &server.engine_trouble {
        None => good(name, format!("{} answers", server.scheduler)),
        Some(why) => bad(
            name,
            format!("{} does not answer: {why}", server.scheduler),
            "start it; what runs goes on, and is looked after again when it answers",
        ),
    }
}

fn edges(edges: &[EdgeView]) -> Check {
    let name = "edges";
    let in_state = |state: EdgeState| edges.iter().filter(move |edge| edge.state == state);
    let names: Vec<&str> = in_state(EdgeState::Connected).map(|edge| edge.name.as_str()).collect();
    let behind: Vec<&str> =
        edges.iter().filter(|edge| edge.behind > 0).map(|edge| edge.name.as_str()).collect();
    if names.is_empty() {
        let to_do =
            "run `launcher up`, which has one, or `launcher edge`; nothing can be deployed without";
        return bad(name, "none is connected".to_owned(), to_do);
    }
    let found = format!("{} connected: {}", names.len(), names.join(", "));
    let away: Vec<&str> = in_state(EdgeState::Away).map(|edge| edge.name.as_str()).collect();
    if !away.is_empty() {
        let found = format!("{found}; away: {}", away.join(", "));
        let to_do = "look at it on its machine, or revoke it with `launcher edges revoke NAME`; it serves old routes";
        return warning(name, found, to_do);
    }
    if behind.is_empty() {
        return good(name, found);
    }
    let found = format!("{found}; behind with the newest routes: {}", behind.join(", "));
    warning(name, found, "look again in a moment; if it stays, look at that edge's log")
}

/// Whether those that are ordered are there, and for how long they last.
async fn certificates(client: &Client) -> Check {
    let name = "certificates";
    // A server of before there were any does not know of it.
    let Ok(all) = client.list(&["certificates"]).await else { return skipped(name) };
    let all = all.into_iter().filter_map(|one| serde_json::from_value(one).ok());
    let all: Vec<CertificateView> = all.collect();
    let of = |so: fn(&CertificateView) -> bool| {
        let mut named: Vec<String> = all.iter().filter(|one| so(one)).map(called).collect();
        named.dedup();
        named.join(", ")
    };
    let to_do = "`launcher certificates` tells why; an authority is asked again by itself, what is in files is for you to put there";
    let gone = of(|one| matches!(one.state, CertificateState::Expired | CertificateState::Missing));
    if !gone.is_empty() {
        return bad(name, format!("none that counts for {gone}"), to_do);
    }
    let soon =
        of(|one| one.state == CertificateState::Overdue || one.file.is_none() && ends_soon(one));
    let failing = of(|one| one.state == CertificateState::Failing);
    match (soon.as_str(), failing.as_str(), all.len()) {
        ("", "", 0) => good(name, "none is ordered from an authority, or in files".to_owned()),
        ("", "", count) => good(name, format!("{count} valid")),
        ("", failing, _) => warning(name, format!("not renewed for {failing}"), to_do),
        (soon, ..) => warning(name, format!("soon to run out for {soon}"), to_do),
    }
}

fn ends_soon(one: &CertificateView) -> bool {
    one.not_after.is_some_and(|until| until.duration_since(Timestamp::now()) < SOON)
}

fn called(one: &CertificateView) -> String {
    match &one.file {
        None => one.whose().to_owned(),
        Some(file) => format!("{} of the edge {}", file.path, file.edge),
    }
}

fn versions(server: &ServerView, edges: &[EdgeView]) -> Check {
    let name = "versions";
    let others = edges.iter().filter_map(|edge| Some((&edge.name, edge.version.as_deref()?)));
    let others = others.filter(|(_, version)| *version != OWN);
    let mut differing: Vec<String> =
        others.map(|(name, version)| format!("the edge {name} is {version}")).collect();
    if server.version != OWN {
        differing.insert(0, format!("the server is {}", server.version));
    }
    if differing.is_empty() {
        return good(name, format!("all are {OWN}"));
    }
    let found = format!("this program is {OWN}, {}", differing.join(", "));
    warning(name, found, "install the same version everywhere, and restart what is older")
}

/// Whether what the server needs of others can be used.
async fn checkup(client: &Client) -> [Check; 2] {
    let names = ["registries", "sign-in"];
    match client.get::<CheckupView>(&["server", "checkup"]).await {
        Ok(CheckupView { registries, openid }) => {
            [self::registries(&registries), sign_in(openid.as_ref())]
        }
        Err(Failure::Refused { status: 403, .. }) => names.map(|name| Check {
            found: "not looked at: only an administrator's token has the server do so".to_owned(),
            ..skipped(name)
        }),
        // A server of before does not know of it.
        Err(_) => names.map(skipped),
    }
}

fn registries(registries: &[RegistryCheckView]) -> Check {
    let name = "registries";
    let of = |one: &RegistryCheckView| {
        let services: Vec<&str> = one.services.iter().map(|service| service.as_str()).collect();
        format!("{} ({})", one.registry, services.join(", "))
    };
    let troubled: Vec<&RegistryCheckView> =
        registries.iter().filter(|one| one.trouble.is_some()).collect();
    if troubled.is_empty() {
        let all: Vec<String> = registries.iter().map(of).collect();
        return match all.is_empty() {
            true => good(name, "no service uses any".to_owned()),
            false => good(name, format!("can be used: {}", all.join("; "))),
        };
    }
    let told: Vec<String> = troubled
        .iter()
        .map(|one| format!("{}: {}", of(one), one.trouble.as_deref().unwrap_or_default()))
        .collect();
    let found = told.join("; ");
    if troubled.iter().any(|one| one.login_refused) {
        let to_do =
            "correct it in [[registries]] of the server's config.toml, and restart the server";
        return bad(name, found, to_do);
    }
    warning(name, found, "what runs goes on; what is on no host yet cannot be launched until then")
}

fn sign_in(openid: Option<&ProviderCheckView>) -> Check {
    let name = "sign-in";
    let Some(ProviderCheckView { issuer, trouble }) = openid else {
        return good(name, "by passwords and links; no provider is set".to_owned());
    };
    match trouble {
        None => good(name, format!("the provider at {issuer} answers")),
        Some(why) => bad(
            name,
            why.clone(),
            "see that it runs and that [openid] in config.toml says where; passwords and links work meanwhile",
        ),
    }
}

/// Whether all can be told what happens who shall be.
async fn notifications(client: &Client) -> Check {
    let name = "notifications";
    // A server of before there were any does not know of it.
    let Ok(targets) = client.list(&["notifications"]).await else { return skipped(name) };
    let targets = targets.into_iter().filter_map(|target| serde_json::from_value(target).ok());
    let targets: Vec<NotificationView> =
        targets.map(|Shown(target): Shown<NotificationView>| target).collect();
    match (failing(&targets, &Look::of_stdout()), targets.len()) {
        (Some(failing), _) => warning(
            name,
            format!("cannot be told what happens: {failing}"),
            "correct its settings in config.toml and restart the server, or wait until it is back; `launcher notifications test NAME` tries it",
        ),
        (None, 0) => good(name, "nobody is to be told what happens".to_owned()),
        (None, all) => good(name, format!("{} told what happens", are(all))),
    }
}

fn are(targets: usize) -> String {
    if targets == 1 { "1 target is".to_owned() } else { format!("{targets} targets are") }
}

fn clock(server: Option<Timestamp>) -> Check {
    let name = "clock";
    let Some(server) = server else {
        return warning(
            name,
            "the server does not say its time".to_owned(),
            "nothing, if all else is well",
        );
    };
    // The header has whole seconds, and is cut, not rounded.
    let ahead = server.duration_since(Timestamp::now());
    if ahead.abs() <= CLOCK_TOLERANCE {
        return good(name, "the server's and this machine's agree".to_owned());
    }
    let way = if ahead.is_negative() { "behind" } else { "ahead of" };
    let found = format!("the server's is {} s {way} this machine's", ahead.abs().as_secs());
    warning(name, found, "let both be set by NTP")
}

fn good(name: &'static str, found: String) -> Check {
    Check { name, finding: Finding::Good, found, to_do: None }
}

fn warning(name: &'static str, found: String, to_do: &str) -> Check {
    Check { name, finding: Finding::Warning, found, to_do: Some(to_do.to_owned()) }
}

fn bad(name: &'static str, found: String, to_do: &str) -> Check {
    Check { name, finding: Finding::Bad, found, to_do: Some(to_do.to_owned()) }
}

fn skipped(name: &'static str) -> Check {
    let found = "not looked at, as what it needs has failed".to_owned();
    Check { name, finding: Finding::Skipped, found, to_do: None }
}
