//! Links that have a browser try a version.

use super::names::step;
use super::out::Out;

/// Answers them: the browser gets the cookie of this variable, and goes on to the same address without the
/// parameter. What stands before it was taken away on the way to an inner server.
pub(super) fn write(out: &mut Out, cookie: &str, is_inner: bool) {
    let prefix = if is_inner { "$http_launcher_prefix" } else { "" };
    out.return_if("$launcher_link", step::LINK.to_string());
    out.line(format!("error_page {} = @launcher_link;", step::LINK));
    out.block("location @launcher_link", |out| {
        out.line("access_log off;");
        out.line("add_header Cache-Control no-store always;");
        out.line(format!("add_header Set-Cookie ${cookie} always;"));
        out.line(format!("return 302 {prefix}$launcher_link_path$launcher_link_query;"));
    });
}
