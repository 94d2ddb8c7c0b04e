//! Addresses that have moved.
//!
//! Whether one has is told from the path as nginx reads it: decoded, without dot segments and empty ones, so
//! that no other way of writing it gets around the rule. But what such a path holds must not stand in a
//! field, so what a `*` stands for is taken from the address as it was sent. Where that is written in
//! another way than the rule has it, the request goes by the internal address once more: on that way nginx
//! writes the path anew, as it reads it.

use std::collections::BTreeSet;

use launcher_model::service::{Redirect, RulePath};

use super::names::{step, variable};
use super::out::Out;
use super::text::{Unfit, hostname, literal, pattern, within_quotes};
use super::{Frame, proxying};
use crate::table::ServiceTable;

/// The address as it was sent, the host, and the path as it is read. Only the last may hold a space.
const ASKED: &str = "\"$request_uri $host $uri\"";

/// In place of a status: where to cannot be told before the path is written anew.
const AGAIN: &str = "again";

/// The variables that tell whether and where an address has moved.
pub(super) struct Redirects {
    /// With which status, or [`AGAIN`].
    moves: String,
    /// Where to.
    moved: String,
    statuses: BTreeSet<u16>,
}

pub(super) fn variables(out: &mut Out, table: &ServiceTable) -> Result<Option<Redirects>, Unfit> {
    let redirects = &table.rules.redirects;
    if redirects.is_empty() {
        return Ok(None);
    }
    let (mut statuses, mut places) = (Vec::new(), Vec::new());
    for redirect in redirects {
        let rule = Rule::of(table, redirect)?;
        statuses.push((rule.key.clone(), redirect.status.to_string()));
        places.push((rule.key, rule.to));
        if let Some(otherwise) = rule.otherwise {
            statuses.push((otherwise.clone(), AGAIN.into()));
            places.push((otherwise, "\"\"".into()));
        }
    }
    let (moves, moved) = (variable("moves", &table.name), variable("moved", &table.name));
    out.map(ASKED, &moves, "\"\"", statuses);
    out.map(ASKED, &moved, "\"\"", places);
    let statuses = redirects.iter().map(|redirect| redirect.status).collect();
    Ok(Some(Redirects { moves, moved, statuses }))
}

/// One redirect, as the entries of maps.
struct Rule {
    key: String,
    to: String,
    /// What fits, but is written otherwise.
    otherwise: Option<String>,
}

impl Rule {
    fn of(table: &ServiceTable, redirect: &Redirect) -> Result<Self, Unfit> {
        let name = &table.name;
        let host = match &redirect.host {
            Some(host) => literal(hostname(name, "host", host)?.as_bytes()),
            None => "[^ ]+".to_owned(),
        };
        if !matches!(redirect.status, 301 | 302 | 303 | 307 | 308) {
            let status = redirect.status.to_string();
            return Err(Unfit::new(name, "the status", &status, "is not that of a redirect"));
        }
        let query = if redirect.to.contains('?') { "" } else { "$is_args$args" };
        let Some(under) = redirect.from.strip_suffix('*') else {
            let path = literal(RulePath::new(&redirect.from).decoded());
            let to = within_quotes(name, "the address", &redirect.to)?;
            let key = pattern(&format!(r"^[^ ]+ {host} {path}\z"));
            return Ok(Self { key, to: format!("\"{to}{query}\""), otherwise: None });
        };
        let seen = format!("{host} {}", literal(RulePath::new(under).decoded()));
        // Where what the `*` stands for comes behind the first slash, there must be no second one: that
        // would lead to another host (RFC 3986 §4.2).
        let guard = match redirect.to.strip_prefix("/*") {
            Some(after) if after.starts_with('/') => r"(?=[^/\\? ])",
            Some(_) => r"(?![/\\])",
            None => "",
        };
        let (before, after) = redirect.to.split_once('*').unwrap_or((&redirect.to, ""));
        let star = if redirect.to.contains('*') { "${launcher_star}" } else { "" };
        let (before, after) = (
            within_quotes(name, "the address", before)?,
            within_quotes(name, "the address", after)?,
        );
        let sent = literal(under.as_bytes());
        let key = format!("^(?i:{sent}){guard}(?<launcher_star>[^? ]*)[^ ]* {seen}");
        Ok(Self {
            key: pattern(&key),
            to: format!("\"{before}{star}{after}{query}\""),
            otherwise: Some(pattern(&format!("^[^ ]+ {seen}"))),
        })
    }
}

impl Redirects {
    pub(super) fn write(&self, out: &mut Out, frame: &Frame, is_inner: bool) {
        for status in &self.statuses {
            let answer = format!("{status} ${}", self.moved);
            out.return_if(&format!("${} = {status}", self.moves), answer);
        }
        let refused = "400 \"400 Bad Request\\nThis address cannot be sent elsewhere.\\n\"";
        let again = format!("${} = {AGAIN}", self.moves);
        if is_inner {
            return out.return_if(&again, refused);
        }
        out.return_if(&again, step::AGAIN.to_string());
        out.line(format!("error_page {} = @launcher_again;", step::AGAIN));
        out.block("location @launcher_again", |out| {
            out.return_if(&format!("$server_port = {}", frame.internal.port()), refused);
            out.lines(&["access_log off;", "client_max_body_size 0;", "rewrite ^ $uri break;"]);
            proxying::unchanged(out);
            out.line(format!("proxy_pass http://{};", frame.internal));
        });
    }
}
