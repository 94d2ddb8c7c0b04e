//! How requests go to containers, and what comes back.

use super::names::step;
use super::out::Out;
use super::server::ENDLESS;
use super::text::{Unfit, field_name, within_quotes};
use crate::table::ServiceTable;

/// How much longer than connecting may take the second attempt may begin. What took longer than that had
/// reached a container, and is not asked a second time.
const RETRY_SLACK_MS: u128 = 500;

/// What the service's rules do to fields, as directives.
pub(super) struct Fields {
    request: Vec<String>,
    response: Vec<String>,
    /// nginx answers for these two itself when a container's are not to be seen.
    passed: Vec<&'static str>,
}

impl Fields {
    pub(super) fn of(table: &ServiceTable) -> Result<Self, Unfit> {
        let (name, rules) = (&table.name, &table.rules.headers);
        let mut fields = Self { request: Vec::new(), response: Vec::new(), passed: Vec::new() };
        for field in &rules.request.remove {
            fields.request.push(format!("proxy_set_header {} \"\";", field_name(name, field)?));
        }
        for (field, value) in &rules.request.set {
            let value = within_quotes(name, "the value", value)?;
            let field = field_name(name, field)?;
            fields.request.push(format!("proxy_set_header {field} \"{value}\";"));
        }
        for field in rules.response.remove.iter().chain(rules.response.set.keys()) {
            fields.response.push(format!("proxy_hide_header {};", field_name(name, field)?));
        }
        let ours = ["Date", "Server"];
        for (field, value) in &rules.response.set {
            let value = within_quotes(name, "the value", value)?;
            if !ours.iter().any(|ours| ours.eq_ignore_ascii_case(field)) {
                let field = field_name(name, field)?;
                fields.response.push(format!("add_header {field} \"{value}\" always;"));
            }
        }
        let changed = |ours: &&str| {
            let changed = rules.response.remove.iter().chain(rules.response.set.keys());
            changed.into_iter().any(|field| field.eq_ignore_ascii_case(ours))
        };
        fields.passed = ours.into_iter().filter(|ours| !changed(ours)).collect();
        Ok(fields)
    }
}

/// What holds for all of a server that leads requests on, of whatever service.
pub(super) fn common(out: &mut Out) {
    out.lines(&[
        "client_header_timeout 30s;",
        "client_body_timeout 60s;",
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
        "proxy_ignore_headers X-Accel-Redirect X-Accel-Limit-Rate X-Accel-Buffering X-Accel-Charset;",
        "proxy_next_upstream error timeout;",
        "proxy_next_upstream_tries 2;",
    ]);
}

/// What a request says of the client, behind whatever servers it has come through.
fn forwarded(out: &mut Out, asked_host: &str) {
    out.line(format!("proxy_set_header X-Forwarded-Host {asked_host};"));
    out.lines(&[
        "proxy_set_header X-Forwarded-For $launcher_forwarded_for;",
        "proxy_set_header X-Forwarded-Proto $launcher_forwarded_proto;",
        "proxy_set_header Forwarded $launcher_forwarded;",
        "proxy_set_header Upgrade $http_upgrade;",
        "proxy_set_header Connection $launcher_connection;",
    ]);
}

/// Has a request go on as it came.
pub(super) fn unchanged(out: &mut Out) {
    out.line("proxy_set_header Host $http_host;");
    forwarded(out, "$http_host");
}

/// The host that the client has asked for.
fn asked_host(is_inner: bool) -> &'static str {
    if is_inner { "$http_launcher_host" } else { "$http_host" }
}

pub(super) fn settings(out: &mut Out, table: &ServiceTable, is_inner: bool, fields: &Fields) {
    common(out);
    let traffic = &table.traffic;
    out.line(format!("client_max_body_size {};", traffic.max_body.map_or(0, |most| most.0)));
    for field in &fields.passed {
        out.line(format!("proxy_pass_header {field};"));
    }
    out.line(format!("proxy_set_header Host {};", asked_host(is_inner)));
    forwarded(out, asked_host(is_inner));
    if is_inner {
        out.lines(&[
            "proxy_set_header Launcher-Host \"\";",
            "proxy_set_header Launcher-Prefix \"\";",
        ]);
    }
    fields.request.iter().for_each(|line| out.line(line));
    let connect = traffic.connect_timeout.duration().as_millis();
    let response = traffic.response_timeout.duration().as_millis();
    let retry = response.min(connect + RETRY_SLACK_MS);
    out.line(format!("proxy_next_upstream_timeout {retry}ms;"));
    out.line(format!("proxy_connect_timeout {connect}ms;"));
    out.line(format!("proxy_read_timeout {response}ms;"));
    out.line(format!("proxy_send_timeout {response}ms;"));
}

/// The locations from which requests go to containers. The two are told apart in one of them and not in
/// the server, so that nginx has held the request's length against the largest body before.
pub(super) fn locations(out: &mut Out, upstream: &str, cookie: Option<&str>, fields: &Fields) {
    let to_container = |out: &mut Out| {
        fields.response.iter().for_each(|line| out.line(line));
        if let Some(cookie) = cookie {
            out.line(format!("add_header Set-Cookie ${cookie} always;"));
        }
        out.line(format!("proxy_pass http://{upstream};"));
    };
    out.line(format!("error_page {} = @launcher_endless;", step::ENDLESS));
    out.block("location @launcher_endless", |out| {
        out.line(format!("proxy_read_timeout {ENDLESS};"));
        out.line(format!("proxy_send_timeout {ENDLESS};"));
        to_container(out);
    });
    out.block("location /", |out| {
        out.return_if("$launcher_endless", step::ENDLESS.to_string());
        to_container(out);
    });
}

/// What a location says that leads requests to a server of this nginx at the internal address.
pub(super) fn to_inner(out: &mut Out, host: &str, prefix: &str, is_inner: bool) {
    let asked = asked_host(is_inner);
    out.lines(&["access_log off;", "client_max_body_size 0;"]);
    out.line(format!("proxy_read_timeout {ENDLESS};"));
    out.line(format!("proxy_send_timeout {ENDLESS};"));
    out.line(format!("proxy_set_header Host {host};"));
    forwarded(out, asked);
    out.line(format!("proxy_set_header Launcher-Host {asked};"));
    out.line(format!("proxy_set_header Launcher-Prefix {prefix};"));
}
