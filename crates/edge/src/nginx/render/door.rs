//! Where a preview asks for a login, before anything else is done.

use super::Frame;
use super::logins;
use super::out::Out;
use super::proxying;
use super::server::{listen, successor};
use super::text::Unfit;
use crate::table::ServiceTable;

/// A server that lets those through to the inner one who have a login.
///
/// # Errors
/// When a login could not stand in its file.
pub(super) fn write(
    out: &mut Out,
    table: &ServiceTable,
    frame: &Frame,
    host: &str,
    inner: &str,
) -> Result<(), Unfit> {
    logins::logins(table)?;
    out.block("server", |out| {
        listen(out, frame, false);
        out.line(format!("server_name {host};"));
        out.lines(&[
            "access_log off;",
            "set $launcher_service \"\";",
            "set $launcher_version \"\";",
            "set $launcher_live \"\";",
        ]);
        proxying::common(out);
        out.lines(&["proxy_pass_header Date;", "proxy_pass_header Server;"]);
        successor(out, frame);
        out.block("location /", |out| {
            out.line(format!("auth_basic \"previews of {}\";", table.name));
            let file = frame.logins.join(table.name.as_str());
            out.line(format!("auth_basic_user_file {};", file.display()));
            proxying::to_inner(out, inner, "\"\"", false);
            // It was for this door, and is no container's concern.
            out.line("proxy_set_header Authorization \"\";");
            out.line(format!("proxy_pass http://{};", frame.internal));
        });
    });
    Ok(())
}
