//! The page of a service that is being maintained.

use super::names::step;
use super::out::Out;
use super::text::{Unfit, escaped};
use crate::table::{Maintenance, ServiceTable};

/// nginx reads no word that is longer than 4095 bytes, so a page is put together from parts.
const LONGEST_PART: usize = 3500;

/// What one word can name of them.
const MOST_PARTS: usize = 200;

/// A page, cut into parts that nginx reads.
pub(super) struct Page {
    parts: Vec<String>,
    kind: &'static str,
    retry_after_s: Option<u32>,
}

impl Page {
    pub(super) fn of(table: &ServiceTable, maintenance: &Maintenance) -> Result<Self, Unfit> {
        let own = maintenance.page.as_deref();
        let plain = format!(
            "503 Service Unavailable\nService {} is being maintained. Come back later.\n",
            table.name
        );
        let text = own.unwrap_or(&plain);
        let mut parts = vec![String::new()];
        let mut buffer = [0; 4];
        for c in text.chars() {
            let c = escaped(c.encode_utf8(&mut buffer));
            match parts.last_mut().filter(|part| part.len() + c.len() <= LONGEST_PART) {
                Some(part) => part.push_str(&c),
                None => parts.push(c),
            }
        }
        if parts.len() > MOST_PARTS || text.contains('\0') {
            let why = "is longer than nginx can be told of";
            return Err(Unfit::new(&table.name, "the page", text, why));
        }
        let kind = if own.is_some() { "text/html" } else { "text/plain" };
        Ok(Self { parts, kind, retry_after_s: maintenance.retry_after_s })
    }

    /// Answers all with it but those who try a version.
    pub(super) fn write(&self, out: &mut Out, tried: Option<&str>) {
        match tried {
            Some(tried) => {
                out.return_if(&format!("${tried} = \"\""), step::MAINTENANCE.to_string());
            }
            None => out.line(format!("return {};", step::MAINTENANCE)),
        }
        out.line(format!("error_page {} = @launcher_maintenance;", step::MAINTENANCE));
        out.block("location @launcher_maintenance", |out| {
            out.line("access_log off;");
            out.line(format!("default_type \"{}; charset=utf-8\";", self.kind));
            out.line("add_header Cache-Control no-store always;");
            if let Some(seconds) = self.retry_after_s {
                out.line(format!("add_header Retry-After {seconds} always;"));
            }
            let mut all = String::new();
            for (n, part) in self.parts.iter().enumerate() {
                out.line(format!("set $launcher_page_{n} \"{part}\";"));
                all.push_str(&format!("$launcher_page_{n}"));
            }
            out.line(format!("return 503 \"{all}\";"));
        });
    }
}
