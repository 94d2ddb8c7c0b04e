//! The file of one service.

use std::collections::BTreeMap;
use std::fmt::Write;

use launcher_model::{ServiceName, VersionNumber};

use super::Frame;
use super::text::{BANNER, Unfit, hostname};
use crate::table::{Pool, ServiceTable};

/// Requests that are silent by nature, such as WebSockets, are ended by their two ends.
const ENDLESS: &str = "7d";

/// How long an unused connection to a container is kept. Shorter than the five seconds after which some
/// servers close theirs: a request that may not be repeated must not meet one that is being closed.
const IDLE: &str = "4s";

/// How much longer than connecting may take the second attempt may begin. What took longer than that had
/// reached a container, and is not asked a second time.
const RETRY_SLACK_MS: u128 = 500;

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
/// When a name in it could mean something else to nginx than a name.
pub(in crate::nginx) fn service(
    table: &ServiceTable,
    settings: Settings<'_>,
) -> Result<String, Unfit> {
    let mut file = File { table, settings, out: BANNER.to_owned() };
    for (version, pool) in &table.pools {
        file.upstream(*version, pool);
    }
    file.production()?;
    if !settings.preview_domain.is_empty() {
        file.previews()?;
    }
    Ok(file.out)
}

/// A file as it is being written.
struct File<'f> {
    table: &'f ServiceTable,
    settings: Settings<'f>,
    out: String,
}

/// Where the requests of one server go.
enum Target {
    /// To one version.
    One(VersionNumber),
    /// To the one that `$launcher_version` has drawn; some have no container at present.
    Drawn { empty: Vec<VersionNumber> },
    /// Nowhere.
    Nothing(String),
}

impl File<'_> {
    fn line(&mut self, depth: usize, text: &str) {
        // Writing to memory does not fail.
        let _ = writeln!(self.out, "{:1$}{text}", "", depth * 4);
    }

    fn upstream(&mut self, version: VersionNumber, pool: &Pool) {
        if pool.endpoints.is_empty() {
            return;
        }
        self.out.push('\n');
        self.line(0, &format!("upstream {} {{", upstream_name(&self.table.name, version)));
        self.line(1, "random two least_conn;");
        for address in pool.endpoints.values() {
            self.line(1, &format!("server {address} max_fails=1 fail_timeout=1s;"));
        }
        self.line(1, "keepalive 64;");
        self.line(1, &format!("keepalive_timeout {IDLE};"));
        self.line(0, "}");
    }

    fn has_container(&self, version: VersionNumber) -> bool {
        self.table.pools.get(&version).is_some_and(|pool| !pool.endpoints.is_empty())
    }

    fn production(&mut self) -> Result<(), Unfit> {
        if self.table.hosts.is_empty() {
            return Ok(());
        }
        let name = &self.table.name;
        let mut names = String::new();
        for host in &self.table.hosts {
            names.push(' ');
            names.push_str(hostname(name, "host", host)?);
        }
        let live = live(self.table);
        let target = match live.as_slice() {
            [] => Target::Nothing(format!("Service {name} has no live version. Deploy one.")),
            [(version, _)] => self.only(*version),
            several => {
                self.shares(several);
                let empty = several.iter().map(|(version, _)| *version);
                Target::Drawn { empty: empty.filter(|v| !self.has_container(*v)).collect() }
            }
        };
        let version = match &target {
            Target::One(version) => version.0.to_string(),
            Target::Drawn { .. } => format!("${}", share_variable(name)),
            Target::Nothing(_) => live.first().map_or("\"\"".into(), |(v, _)| v.0.to_string()),
        };
        self.server(&names, &version, true, &target);
        Ok(())
    }

    fn only(&self, version: VersionNumber) -> Target {
        if self.has_container(version) {
            return Target::One(version);
        }
        let name = &self.table.name;
        Target::Nothing(format!("At present {name} {version} has no healthy container."))
    }

    /// Draws a version for each request, by the weights. What makes a client's next request draw the
    /// same would take the place of `$request_id`.
    fn shares(&mut self, live: &[(VersionNumber, u32)]) {
        let sum: u32 = live.iter().map(|(_, weight)| weight).sum();
        let variable = share_variable(&self.table.name);
        self.out.push('\n');
        self.line(0, &format!("split_clients $request_id ${variable} {{"));
        for (version, weight) in &live[..live.len() - 1] {
            // In hundredths of a percent, which is as fine as nginx has it.
            let share = weight * 10_000 / sum;
            self.line(1, &format!("{}.{:02}% {};", share / 100, share % 100, version.0));
        }
        if let Some((last, _)) = live.last() {
            self.line(1, &format!("* {};", last.0));
        }
        self.line(0, "}");
    }

    fn previews(&mut self) -> Result<(), Unfit> {
        let name = &self.table.name;
        let domain = hostname(name, "preview domain", self.settings.preview_domain)?;
        for version in self.table.pools.keys() {
            let names = format!(" v{}.{name}.{domain}", version.0);
            self.server(&names, &version.0.to_string(), false, &self.only(*version));
        }
        self.no_such_preview(&format!("*.{name}.{domain}"));
        Ok(())
    }

    fn no_such_preview(&mut self, names: &str) {
        let text = format!("Service {} has no such running environment.", self.table.name);
        self.out.push('\n');
        self.line(0, "server {");
        self.listen();
        self.line(1, &format!("server_name {names};"));
        self.line(1, "access_log off;");
        self.line(1, "default_type text/plain;");
        self.line(1, "location / {");
        self.line(2, &format!("return 404 \"404 Not Found\\n{text}\\n\";"));
        self.line(1, "}");
        self.line(0, "}");
    }

    fn listen(&mut self) {
        let frame = self.settings.frame;
        for address in frame.http.iter().chain([&frame.internal]) {
            self.line(1, &format!("listen {address};"));
        }
    }

    /// One server. What decides about a request before it is sent on, such as maintenance, stands where
    /// the late and the endless are told apart, in that order.
    fn server(&mut self, names: &str, version: &str, live: bool, target: &Target) {
        self.out.push('\n');
        self.line(0, "server {");
        self.listen();
        self.line(1, &format!("server_name{names};"));
        self.line(1, &format!("set $launcher_service {};", self.table.name));
        self.line(1, &format!("set $launcher_version {version};"));
        self.line(1, &format!("set $launcher_live {};", if live { "1" } else { "\"\"" }));
        let log = self.settings.frame.access_log.display();
        self.line(1, &format!("access_log {log} launcher;"));
        self.settings_of_traffic();
        self.pages(target);
        self.line(1, "if (-e $launcher_passed) {");
        self.line(2, "return 418;");
        self.line(1, "}");
        self.line(1, "error_page 418 = @launcher_successor;");
        self.line(1, "location @launcher_successor {");
        self.line(2, "access_log off;");
        self.line(2, &format!("proxy_read_timeout {ENDLESS};"));
        self.line(2, &format!("proxy_pass http://{};", self.settings.frame.internal));
        self.line(1, "}");
        match target {
            Target::One(version) => {
                let to = upstream_name(&self.table.name, *version);
                self.proxy(&to);
            }
            Target::Drawn { empty } => {
                for version in empty {
                    self.line(1, &format!("if ($launcher_version = {}) {{", version.0));
                    self.line(2, "return 503;");
                    self.line(1, "}");
                }
                let to = format!("launcher_{}_$launcher_version", self.table.name);
                self.proxy(&to);
            }
            Target::Nothing(_) => {
                self.line(1, "location / {");
                self.line(2, "return 503;");
                self.line(1, "}");
            }
        }
        self.line(0, "}");
    }

    fn proxy(&mut self, upstream: &str) {
        self.line(1, "if ($launcher_endless) {");
        self.line(2, "return 419;");
        self.line(1, "}");
        self.line(1, "error_page 419 = @launcher_endless;");
        self.line(1, "location @launcher_endless {");
        self.line(2, &format!("proxy_read_timeout {ENDLESS};"));
        self.line(2, &format!("proxy_send_timeout {ENDLESS};"));
        self.line(2, &format!("proxy_pass http://{upstream};"));
        self.line(1, "}");
        self.line(1, "location / {");
        self.line(2, &format!("proxy_pass http://{upstream};"));
        self.line(1, "}");
    }

    fn settings_of_traffic(&mut self) {
        let traffic = &self.table.traffic;
        let connect = traffic.connect_timeout.duration().as_millis();
        let response = traffic.response_timeout.duration().as_millis();
        for setting in [
            "client_header_timeout 30s;",
            "client_body_timeout 60s;",
            "client_max_body_size 0;",
            "keepalive_timeout 75s;",
            "send_timeout 60s;",
            "recursive_error_pages on;",
            "proxy_http_version 1.1;",
            "proxy_cache off;",
            "proxy_buffering off;",
            "proxy_request_buffering off;",
            "proxy_buffer_size 32k;",
            "proxy_buffers 4 32k;",
            "proxy_headers_hash_bucket_size 128;",
            "proxy_redirect off;",
            "proxy_intercept_errors off;",
            "proxy_pass_header Date;",
            "proxy_pass_header Server;",
            "proxy_ignore_headers X-Accel-Redirect X-Accel-Limit-Rate X-Accel-Buffering X-Accel-Charset;",
            "proxy_set_header Host $http_host;",
            "proxy_set_header X-Forwarded-For $launcher_forwarded_for;",
            "proxy_set_header X-Forwarded-Host $http_host;",
            "proxy_set_header X-Forwarded-Proto $launcher_forwarded_proto;",
            "proxy_set_header Forwarded $launcher_forwarded;",
            "proxy_set_header Upgrade $http_upgrade;",
            "proxy_set_header Connection $launcher_connection;",
            "proxy_next_upstream error timeout;",
            "proxy_next_upstream_tries 2;",
        ] {
            self.line(1, setting);
        }
        let retry = response.min(connect + RETRY_SLACK_MS);
        self.line(1, &format!("proxy_next_upstream_timeout {retry}ms;"));
        self.line(1, &format!("proxy_connect_timeout {connect}ms;"));
        self.line(1, &format!("proxy_read_timeout {response}ms;"));
        self.line(1, &format!("proxy_send_timeout {response}ms;"));
    }

    /// What nginx answers when no container does. What a container itself answers goes through.
    fn pages(&mut self, target: &Target) {
        let of = format!("{} v$launcher_version", self.table.name);
        let within = self.table.traffic.response_timeout;
        let unavailable = match target {
            Target::Nothing(why) => why.clone(),
            _ => format!("At present {of} has no healthy container."),
        };
        let unreachable =
            format!("No container of {of} could be reached, or it broke off before it answered.");
        for (status, reason, text) in [
            (502, "Bad Gateway", unreachable),
            (503, "Service Unavailable", unavailable),
            (
                504,
                "Gateway Timeout",
                format!("A container of {of} did not answer within {within}."),
            ),
        ] {
            self.line(1, &format!("error_page {status} @launcher_{status};"));
            self.line(1, &format!("location @launcher_{status} {{"));
            self.line(2, "default_type text/plain;");
            self.line(2, "add_header Cache-Control no-store always;");
            self.line(2, &format!("return {status} \"{status} {reason}\\n{text}\\n\";"));
            self.line(1, "}");
        }
    }
}

/// The versions with a weight.
fn live(table: &ServiceTable) -> Vec<(VersionNumber, u32)> {
    let weights: BTreeMap<_, _> = (table.weights.iter())
        .filter(|(version, weight)| weight.percent() > 0 && table.pools.contains_key(version))
        .map(|(version, weight)| (*version, u32::from(weight.percent())))
        .collect();
    weights.into_iter().collect()
}

/// The name of a service holds no `_`, so no two are alike.
fn upstream_name(service: &ServiceName, version: VersionNumber) -> String {
    format!("launcher_{service}_{}", version.0)
}

/// In the name of a variable no `-` can stand.
fn share_variable(service: &ServiceName) -> String {
    format!("launcher_share_{}", service.as_str().replace('-', "_"))
}
