//! What nginx answers when no container does. What a container itself answers goes through.

use super::names::step;
use super::out::Out;
use super::way::{self, Target};
use crate::table::ServiceTable;

pub(super) fn write(out: &mut Out, table: &ServiceTable, target: &Target) {
    let of = format!("{} v$launcher_version", table.name);
    let within = table.traffic.response_timeout;
    let unavailable = match target {
        Target::Nothing(why) => why.clone(),
        _ => format!("At present {of} has no healthy container."),
    };
    let unreachable =
        format!("No container of {of} could be reached, or it broke off before it answered.");
    let late = format!("A container of {of} did not answer within {within}.");
    for (status, reason, text) in [
        (502, "Bad Gateway", unreachable),
        (503, "Service Unavailable", unavailable),
        (504, "Gateway Timeout", late),
    ] {
        page(out, status, status, reason, &text);
    }
    if let Some(most) = table.traffic.max_body {
        let text = format!("This service takes bodies of up to {most}.");
        page(out, 413, 413, "Payload Too Large", &text);
    }
}

/// Answers those who do not try a version while none is live.
pub(super) fn nothing_live(out: &mut Out, table: &ServiceTable) {
    out.return_if("$launcher_version = \"\"", step::NOTHING.to_string());
    page(out, step::NOTHING, 503, "Service Unavailable", &way::nothing_live(table));
}

/// A page in place of a status.
fn page(out: &mut Out, of: u16, status: u16, reason: &str, text: &str) {
    let mark = if of == status { "" } else { "= " };
    out.line(format!("error_page {of} {mark}@launcher_{of};"));
    out.block(format!("location @launcher_{of}"), |out| {
        out.line("default_type text/plain;");
        out.line("add_header Cache-Control no-store always;");
        out.line(format!("return {status} \"{status} {reason}\\n{text}\\n\";"));
    });
}
