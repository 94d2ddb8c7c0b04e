//! Who did what, as comma-separated values (RFC 4180).

use super::AuditView;

impl AuditView {
    /// The line before all others.
    pub const CSV_HEAD: &str =
        "id,at,who,way,session,address,method,path,service,version,status,outcome\r\n";

    /// Its line.
    #[must_use]
    pub fn csv(&self) -> String {
        let fields = [
            self.id.to_string(),
            self.at.to_string(),
            self.who.clone().unwrap_or_default(),
            word(serde_json::to_value(self.way)),
            self.session.map(|id| id.to_string()).unwrap_or_default(),
            self.address.map(|address| address.to_string()).unwrap_or_default(),
            self.method.clone(),
            self.path.clone(),
            self.service.as_ref().map(ToString::to_string).unwrap_or_default(),
            self.version.map(|version| version.0.to_string()).unwrap_or_default(),
            self.status.to_string(),
            word(serde_json::to_value(self.outcome)),
        ];
        fields.map(|text| field(&text)).join(",") + "\r\n"
    }
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
