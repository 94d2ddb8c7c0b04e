//! One server: what becomes of a request, step by step.
//!
//! nginx goes through the `set` and `if` of a server in the order in which they stand, before it chooses
//! a location. What leads a request elsewhere does so with a status of its own ([`step`]).

use super::names::step;
use super::out::Out;
use super::paths::Paths;
use super::redirects::Redirects;
use super::text::Unfit;
use super::way::{Target, Way};
use super::{Frame, links, maintenance, names, pages, proxying};
use crate::table::{Maintenance, ServiceTable};

/// Requests that are silent by nature, such as WebSockets, are ended by their two ends.
pub(super) const ENDLESS: &str = "7d";

/// A server as it is to be written.
pub(super) struct Server<'s> {
    pub(super) table: &'s ServiceTable,
    pub(super) frame: &'s Frame,
    pub(super) names: &'s str,
    pub(super) way: &'s Way,
    /// Requests come to it from other servers only.
    pub(super) is_inner: bool,
    pub(super) redirects: Option<&'s Redirects>,
    pub(super) paths: Option<&'s Paths>,
    pub(super) maintenance: Option<&'s Maintenance>,
}

pub(super) fn listen(out: &mut Out, frame: &Frame, is_inner: bool) {
    let http = frame.http.iter().filter(|_| !is_inner);
    for address in http.chain([&frame.internal]) {
        out.line(format!("listen {address};"));
    }
}

impl<'s> Server<'s> {
    pub(super) fn of(
        table: &'s ServiceTable,
        frame: &'s Frame,
        names: &'s str,
        way: &'s Way,
    ) -> Self {
        Self {
            table,
            frame,
            names,
            way,
            is_inner: false,
            redirects: None,
            paths: None,
            maintenance: None,
        }
    }

    pub(super) fn write(&self, out: &mut Out) -> Result<(), Unfit> {
        let fields = proxying::Fields::of(self.table)?;
        let page = self.maintenance.map(|of| maintenance::Page::of(self.table, of)).transpose()?;
        out.block("server", |out| {
            listen(out, self.frame, self.is_inner);
            out.line(format!("server_name {};", self.names));
            out.line("absolute_redirect off;");
            out.line(format!("set $launcher_service {};", self.table.name));
            out.lines(&["set $launcher_version \"\";", "set $launcher_live \"\";"]);
            out.line(format!("access_log {} launcher;", self.frame.access_log.display()));
            proxying::settings(out, self.table, self.is_inner, &fields);
            pages::write(out, self.table, &self.way.target);
            self.steps(out, page.as_ref());
            self.locations(out, &fields);
        });
        Ok(())
    }

    fn steps(&self, out: &mut Out, page: Option<&maintenance::Page>) {
        if !self.is_inner {
            successor(out, self.frame);
        }
        if let Some(redirects) = self.redirects {
            redirects.write(out, self.frame, self.is_inner);
        }
        if let Some(paths) = self.paths {
            paths.write(out, self.frame, self.is_inner);
        }
        if let Some(link) = &self.way.link {
            links::write(out, link, self.is_inner);
        }
        if let Some(page) = page {
            page.write(out, self.way.tried.as_deref());
        }
        out.line(format!("set $launcher_version {};", self.way.version));
        out.line(format!("set $launcher_live {};", self.way.live));
        if let Target::Drawn { empty, may_be_none } = &self.way.target {
            if *may_be_none {
                pages::nothing_live(out, self.table);
            }
            for version in empty {
                out.return_if(&format!("$launcher_version = {}", version.0), "503");
            }
        }
    }

    fn locations(&self, out: &mut Out, fields: &proxying::Fields) {
        let upstream = match &self.way.target {
            Target::One(version) => names::upstream(&self.table.name, *version),
            Target::Drawn { .. } => format!("launcher_{}_$launcher_version", self.table.name),
            Target::Nothing(_) => {
                return out.block("location /", |out| out.line("return 503;"));
            }
        };
        proxying::locations(out, &upstream, self.way.cookie.as_deref(), fields);
    }
}

/// Hands a request that comes to an old worker on to a new one.
pub(super) fn successor(out: &mut Out, frame: &Frame) {
    out.return_if("-e $launcher_passed", step::SUCCESSOR.to_string());
    out.line(format!("error_page {} = @launcher_successor;", step::SUCCESSOR));
    out.block("location @launcher_successor", |out| {
        out.line("access_log off;");
        out.line(format!("proxy_read_timeout {ENDLESS};"));
        proxying::unchanged(out);
        out.line(format!("proxy_pass http://{};", frame.internal));
    });
}
