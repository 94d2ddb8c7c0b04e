//! Paths under which other services answer.
//!
//! A request for one goes by the internal address to the other service's server, which has all that is the
//! other's: versions, cookies, maintenance, limits, fields. That costs a connection within the machine,
//! and spares what else would cost a reload more: the other's file is its own, so none of this service's
//! has to follow when the other is switched. A new connection for each request, because one that is kept
//! could be closed by a reload while a request is sent that must not be repeated.

use launcher_model::ServiceName;
use launcher_model::service::RulePath;

use super::Frame;
use super::names::{self, step, variable};
use super::out::Out;
use super::proxying;
use super::text::{Unfit, literal, pattern, within_quotes};
use crate::table::ServiceTable;

/// The variables that tell where a path leads.
pub(super) struct Paths {
    /// The inner name of the other service.
    to: String,
    /// What is taken away of the path, and what is left. `None` where nothing is.
    cut: Option<(String, String)>,
}

pub(super) fn variables(out: &mut Out, table: &ServiceTable) -> Result<Option<Paths>, Unfit> {
    let paths = table.rules.paths.iter();
    let mut paths: Vec<_> = paths.map(|(path, target)| (RulePath::new(path), target)).collect();
    if paths.is_empty() {
        return Ok(None);
    }
    paths.sort_by_key(|(path, _)| std::cmp::Reverse(path.decoded().len()));
    let key = |path: &RulePath| pattern(&format!(r"^{}(?:/|\z)", literal(path.decoded())));
    let to = variable("to", &table.name);
    let inner = |service: &ServiceName| names::inner_production(service);
    let targets = paths.iter().map(|(path, target)| (key(path), inner(&target.service)));
    out.map("$uri", &to, "\"\"", targets);
    if !paths.iter().any(|(_, target)| target.strip) {
        return Ok(Some(Paths { to, cut: None }));
    }
    let (cut, below) = (variable("cut", &table.name), variable("below", &table.name));
    let (mut cuts, mut belows) = (Vec::new(), Vec::new());
    for (path, target) in &paths {
        if target.strip {
            let seen = literal(path.decoded());
            let quoted = within_quotes(&table.name, "the path", path.as_str())?;
            cuts.push((key(path), format!("\"{quoted}\"")));
            let rest = pattern(&format!(r"(?s)^{seen}(?<launcher_below>/.*)\z"));
            belows.push((rest, "$launcher_below".to_owned()));
            belows.push((pattern(&format!(r"^{seen}\z")), "/".to_owned()));
        } else {
            cuts.push((key(path), "\"\"".to_owned()));
            belows.push((key(path), "\"\"".to_owned()));
        }
    }
    out.map("$uri", &cut, "\"\"", cuts);
    out.map("$uri", &below, "\"\"", belows);
    Ok(Some(Paths { to, cut: Some((cut, below)) }))
}

impl Paths {
    pub(super) fn write(&self, out: &mut Out, frame: &Frame, is_inner: bool) {
        let to = format!("${}", self.to);
        if let Some((cut, below)) = &self.cut {
            out.return_if(&format!("${cut}"), step::BELOW.to_string());
            out.line(format!("error_page {} = @launcher_below;", step::BELOW));
            out.block("location @launcher_below", |out| {
                // nginx works a variable out when it is first needed: this one before the path changes.
                out.line(format!("set $launcher_to {to};"));
                out.line(format!("rewrite ^ ${below} break;"));
                proxying::to_inner(out, "$launcher_to", &format!("${cut}"), is_inner);
                out.line(format!("proxy_set_header X-Forwarded-Prefix ${cut};"));
                out.line(format!("proxy_pass http://{};", frame.internal));
            });
        }
        out.return_if(&to, step::PATH.to_string());
        out.line(format!("error_page {} = @launcher_path;", step::PATH));
        out.block("location @launcher_path", |out| {
            proxying::to_inner(out, &to, "\"\"", is_inner);
            out.line(format!("proxy_pass http://{};", frame.internal));
        });
    }
}
