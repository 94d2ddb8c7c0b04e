//! The file of one service: its containers, its variables, and a server for each way in.

use std::collections::BTreeSet;

use launcher_model::VersionNumber;
use launcher_model::service::Protocol;

use super::Frame;
use super::names;
use super::out::Out;
use super::paths::{self, Paths};
use super::redirects::{self, Redirects};
use super::server::{self, Server};
use super::text::{Unfit, hostname};
use super::way::{self, Way};
use super::{door, pools, waiting};
use crate::nginx::waiting::rest;
use crate::table::ServiceTable;

/// What one service's file is made of beside its table.
#[derive(Debug, Clone, Copy)]
pub(in crate::nginx) struct Settings<'s> {
    pub(in crate::nginx) frame: &'s Frame,
    /// What stands behind `vN.<service>.` in a preview's hostname; empty before it is known.
    pub(in crate::nginx) preview_domain: &'s str,
}

/// The text of a service's file.
///
/// # Errors
/// When something in it could mean something else to nginx than what it is.
pub(in crate::nginx) fn service(
    table: &ServiceTable,
    settings: Settings<'_>,
) -> Result<String, Unfit> {
    if let Some(version) = speaks_h2c(table) {
        let why = "is h2c, which nginx is not told of; the built-in edge speaks it with containers";
        return Err(Unfit::new(&table.name, "the protocol of", &version.to_string(), why));
    }
    let mut out = Out::new();
    pools::upstreams(&mut out, table);
    let way = way::production(&mut out, table)?;
    let file = File {
        table,
        settings,
        redirects: redirects::variables(&mut out, table)?,
        paths: paths::variables(&mut out, table)?,
    };
    file.production(&mut out, &way)?;
    if !settings.preview_domain.is_empty() {
        file.previews(&mut out)?;
    }
    Ok(out.into_text())
}

/// The first version whose containers speak HTTP/2 alone.
fn speaks_h2c(table: &ServiceTable) -> Option<VersionNumber> {
    let mut pools = table.pools.iter();
    pools.find(|(_, pool)| pool.protocol == Protocol::H2c).map(|(version, _)| *version)
}

struct File<'f> {
    table: &'f ServiceTable,
    settings: Settings<'f>,
    redirects: Option<Redirects>,
    paths: Option<Paths>,
}

impl File<'_> {
    /// What its hostnames lead to, and what paths of other services do. The redirects and paths of this
    /// one do not count for those.
    fn production(&self, out: &mut Out, way: &Way) -> Result<(), Unfit> {
        let (table, frame) = (self.table, self.settings.frame);
        let mut names = Vec::new();
        for host in &table.hosts {
            names.push(hostname(&table.name, "host", host)?);
        }
        let inner = names::inner_production(&table.name);
        let maintenance = table.rules.maintenance.as_ref();
        let within =
            Server { is_inner: true, maintenance, ..Server::of(table, frame, &inner, way) };
        within.write(out)?;
        if names.is_empty() {
            return Ok(());
        }
        let names = names.join(" ");
        let at_hosts = Server {
            redirects: self.redirects.as_ref(),
            paths: self.paths.as_ref(),
            maintenance,
            ..Server::of(table, frame, &names, way)
        };
        at_hosts.write(out)
    }

    fn previews(&self, out: &mut Out) -> Result<(), Unfit> {
        let (table, frame) = (self.table, self.settings.frame);
        let name = &table.name;
        let domain = hostname(name, "preview domain", self.settings.preview_domain)?;
        let versions = table.pools.keys().chain(table.branches.resting.keys());
        for version in versions.copied().collect::<BTreeSet<_>>() {
            let hosts = self.hosts(version, domain);
            match rest(table, version) {
                Some(_) => self.waiting(out, version, &hosts)?,
                None if table.pools.contains_key(&version) => self.preview(out, version, &hosts)?,
                None => {}
            }
        }
        out.block("server", |out| {
            server::listen(out, frame, false);
            out.line(format!("server_name *.{name}.{domain};"));
            out.lines(&["access_log off;", "default_type text/plain;"]);
            out.block("location /", |out| {
                let text = format!("Service {name} has no such running environment.");
                out.line(format!("return 404 \"404 Not Found\\n{text}\\n\";"));
            });
        });
        Ok(())
    }

    /// The hostnames of a version's preview: its own, and those of the branches that it is of. What is a
    /// hostname of production is not among them.
    fn hosts(&self, version: VersionNumber, domain: &str) -> String {
        let (table, name) = (self.table, &self.table.name);
        let own = format!("v{}.{name}.{domain}", version.0);
        let named = table.branches.aliases.iter().filter(|(_, to)| **to == version);
        let named = named.map(|(label, _)| format!("{label}.{name}.{domain}"));
        let named = named.filter(|host| !table.hosts.contains(host));
        [own].into_iter().chain(named).collect::<Vec<_>>().join(" ")
    }

    /// The preview of one that does not serve now. Who may not look at it does not start it either.
    fn waiting(&self, out: &mut Out, version: VersionNumber, hosts: &str) -> Result<(), Unfit> {
        let (table, frame) = (self.table, self.settings.frame);
        let is_inner = table.rules.preview_logins.is_some();
        let inner = names::inner_preview(&table.name, version);
        if is_inner {
            door::write(out, table, frame, hosts, &inner)?;
        }
        let names = if is_inner { &inner } else { hosts };
        waiting::write(out, table, frame, version, (names, is_inner));
        Ok(())
    }

    /// Where a login is asked for, that is done by a server of its own: nginx answers with a redirect, or
    /// leads to another service, before it asks for one.
    fn preview(&self, out: &mut Out, version: VersionNumber, host: &str) -> Result<(), Unfit> {
        let (table, frame) = (self.table, self.settings.frame);
        let is_inner = table.rules.preview_logins.is_some();
        let inner = names::inner_preview(&table.name, version);
        if is_inner {
            door::write(out, table, frame, host, &inner)?;
        }
        let way = Way::preview(table, version);
        let preview = Server {
            is_inner,
            redirects: self.redirects.as_ref(),
            paths: self.paths.as_ref(),
            ..Server::of(table, frame, if is_inner { &inner } else { host }, &way)
        };
        preview.write(out)
    }
}
