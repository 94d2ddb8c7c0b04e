//! Lists as comma-separated values (RFC 4180).

use launcher_model::event::Event;

use super::AuditView;

/// What has a line among comma-separated values.
pub trait Csv {
    /// What its fields are called.
    const NAMES: &'static [&'static str];

    /// What stands in them.
    fn fields(&self) -> Vec<String>;

    /// The line before all others.
    #[must_use]
    fn csv_head() -> String {
        Self::NAMES.join(",") + "\r\n"
    }

    /// Its line.
    #[must_use]
    fn csv(&self) -> String {
        let fields: Vec<String> = self.fields().iter().map(|text| field(text)).collect();
        fields.join(",") + "\r\n"
    }
}

impl Csv for AuditView {
    const NAMES: &'static [&'static str] = &[
        "id", "at", "who", "way", "session", "address", "method", "path", "service", "version",
        "status", "outcome",
    ];

    fn fields(&self) -> Vec<String> {
        vec![
            self.id.to_string(),
            self.at.to_string(),
            self.who.clone().unwrap_or_default(),
            word(serde_json::to_value(self.way)),
            text(self.session.as_ref()),
            text(self.address.as_ref()),
            self.method.clone(),
            self.path.clone(),
            text(self.service.as_ref()),
            text(self.version.map(|version| version.0).as_ref()),
            self.status.to_string(),
            word(serde_json::to_value(self.outcome)),
        ]
    }
}

impl Csv for Event {
    const NAMES: &'static [&'static str] =
        &["id", "at", "kind", "service", "version", "deployment", "by", "text"];

    fn fields(&self) -> Vec<String> {
        vec![
            self.id.to_string(),
            self.at.to_string(),
            self.kind.name(),
            text(self.service.as_ref()),
            text(self.version.map(|version| version.0).as_ref()),
            text(self.deployment.as_ref()),
            self.by.clone().unwrap_or_default(),
            self.text.clone(),
        ]
    }
}

/// Nothing where there is none.
fn text(value: Option<&impl ToString>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}

fn word(value: serde_json::Result<serde_json::Value>) -> String {
    value.ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// A field. A spreadsheet takes what begins like this for a formula, so it gets a quote before it.
fn field(text: &str) -> String {
    let text = match text.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r') => format!("'{text}"),
        _ => text.to_owned(),
    };
    if text.contains(['"', ',', '\r', '\n']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::field;

    #[test]
    fn a_field_is_quoted_where_it_must_be_and_is_no_formula() {
        for (text, written) in [
            ("shop", "shop"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
            ("", ""),
        ] {
            assert_eq!(field(text), written);
        }
    }
}
