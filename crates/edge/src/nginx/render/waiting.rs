//! The server of an environment that does not serve now: it leads to the waiting room.

use launcher_model::VersionNumber;

use super::Frame;
use super::out::Out;
use super::server::{ENDLESS, listen, successor};
use crate::nginx::waiting::FOR;
use crate::table::ServiceTable;

/// Writes it. The body of a request stays with nginx: who has waited sends it again.
pub(super) fn write(
    out: &mut Out,
    table: &ServiceTable,
    frame: &Frame,
    version: VersionNumber,
    (names, is_inner): (&str, bool),
) {
    out.block("server", |out| {
        listen(out, frame, is_inner);
        out.line(format!("server_name {names};"));
        out.line("access_log off;");
        if !is_inner {
            successor(out, frame);
        }
        out.block("location /", |out| {
            out.line(format!("proxy_pass http://unix:{}:;", frame.waiting.display()));
            out.lines(&[
                "proxy_http_version 1.1;",
                "proxy_pass_request_body off;",
                "proxy_set_header Content-Length \"\";",
                "proxy_set_header Connection close;",
                "proxy_set_header Host $http_host;",
                "proxy_redirect off;",
            ]);
            out.line(format!("proxy_set_header {FOR} {}/{};", table.name, version.0));
            out.line(format!("proxy_read_timeout {ENDLESS};"));
        });
    });
}
