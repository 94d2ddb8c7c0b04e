//! A request as a line of text.

use std::borrow::Cow;
use std::io::Write;
use std::net::IpAddr;
use std::time::Duration;

use clap::ValueEnum;
use jiff::Timestamp;
use launcher_edge::access::Entry;
use serde::{Deserialize, Serialize};

/// How a line is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    // No documentation: it would make the help of every other option longer.
    // An object of JSON, with the names that records for Fluentd have.
    #[default]
    Json,
    // As Apache and nginx write it, and behind that what only an edge knows.
    Combined,
}

impl Format {
    /// The word for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Combined => "combined",
        }
    }
}

/// What a client is taken to have got that was gone before there was a status: nginx's word for it.
const GONE: u16 = 499;

/// Writes lines.
pub(super) struct Lines {
    format: Format,
    edge: String,
    /// A second, and how it is written.
    second: (i64, String),
}

/// As the [`record`](super::record) for Fluentd has it. A field that there is nothing to say of is left out.
#[derive(Serialize)]
struct Line<'e> {
    time: String,
    edge: &'e str,
    service: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    container_id: Option<&'e str>,
    traffic: &'e str,
    client: IpAddr,
    method: &'e str,
    host: &'e str,
    path: &'e str,
    protocol: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    bytes_received: u64,
    bytes_sent: u64,
    duration_us: u64,
    queue_us: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    head_us: Option<u64>,
    sent_again: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    referer: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<&'e str>,
    end: &'e str,
}

impl Lines {
    pub(super) fn new(format: Format, edge: String) -> Self {
        Self { format, edge, second: (i64::MIN, String::new()) }
    }

    /// Writes one behind others. Nothing that a client says begins another one.
    pub(super) fn write(&mut self, entry: &Entry<'_>, out: &mut Vec<u8>) {
        let time = Timestamp::try_from(entry.began).unwrap_or(Timestamp::UNIX_EPOCH);
        match self.format {
            Format::Json => self.json(time, entry, out),
            Format::Combined => self.combined(time, entry, out),
        }
        out.push(b'\n');
    }

    fn json(&self, time: Timestamp, entry: &Entry<'_>, out: &mut Vec<u8>) {
        let line = Line {
            time: format!("{time:.6}"),
            edge: &self.edge,
            service: entry.service,
            version: entry.version,
            container_id: entry.container,
            traffic: entry.traffic.as_str(),
            client: entry.client,
            method: &entry.method,
            host: &entry.host,
            path: &entry.path,
            protocol: entry.protocol,
            status: entry.status,
            bytes_received: entry.received,
            bytes_sent: entry.sent,
            duration_us: us(entry.took),
            queue_us: us(entry.queued),
            head_us: entry.head.map(us),
            sent_again: entry.again,
            referer: entry.referer.as_deref(),
            user_agent: entry.agent.as_deref(),
            end: entry.end.as_str(),
        };
        // Writing to memory does not fail, and nothing in a line is no JSON.
        let _ = serde_json::to_writer(out, &line);
    }

    fn combined(&mut self, time: Timestamp, entry: &Entry<'_>, out: &mut Vec<u8>) {
        if self.second.0 != time.as_second() {
            self.second = (time.as_second(), time.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string());
        }
        let seconds = |took: Duration| took.as_secs_f64();
        let version = entry.version.map_or_else(|| "-".to_owned(), |version| format!("v{version}"));
        let head =
            entry.head.map_or_else(|| "-".to_owned(), |head| format!("{:.6}", seconds(head)));
        // Writing to memory does not fail.
        let _ = write!(
            out,
            "{} - - [{}] \"{} {} {}\" {} {} \"{}\" \"{}\" host={} service={} version={version} \
             container={} traffic={} duration={:.6} head={head} queue={:.6} again={} end={}",
            entry.client,
            self.second.1,
            escaped(&entry.method),
            escaped(&entry.path),
            entry.protocol,
            entry.status.unwrap_or(GONE),
            entry.sent,
            said(entry.referer.as_deref()),
            said(entry.agent.as_deref()),
            said(Some(&entry.host).filter(|host| !host.is_empty()).map(|host| &**host)),
            entry.service,
            entry.container.unwrap_or("-"),
            entry.traffic.as_str(),
            seconds(entry.took),
            seconds(entry.queued),
            entry.again,
            entry.end.as_str(),
        );
    }
}

fn us(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}

/// What a client says, or `-` when it says nothing.
fn said(text: Option<&str>) -> Cow<'_, str> {
    text.map_or(Cow::Borrowed("-"), escaped)
}

/// As nginx escapes what clients say: what would end a field or a line, and what is no plain character, is
/// written as `\xXX`.
fn escaped(text: &str) -> Cow<'_, str> {
    let plain = |byte: u8| (b' '..=b'~').contains(&byte) && !matches!(byte, b'"' | b'\\');
    if text.bytes().all(plain) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for byte in text.bytes() {
        if plain(byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("\\x{byte:02X}"));
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use launcher_edge::access::{End, Traffic};

    /// A request for this path by this agent.
    pub(in super::super) fn entry<'e>(path: &'e str, agent: &'e str) -> Entry<'e> {
        Entry {
            began: std::time::UNIX_EPOCH + Duration::from_micros(1_600_000_000_250_000),
            took: Duration::from_micros(12_500),
            queued: Duration::from_micros(1_000),
            head: Some(Duration::from_micros(9_000)),
            service: "shop",
            version: Some(42),
            container: Some("0123456789ab"),
            traffic: Traffic::Production,
            client: IpAddr::from([192, 0, 2, 7]),
            method: "GET".into(),
            host: "shop.test".into(),
            path: path.into(),
            protocol: "HTTP/1.1",
            status: Some(200),
            received: 0,
            sent: 1234,
            again: 1,
            referer: None,
            agent: Some(agent.into()),
            end: End::Whole,
        }
    }

    fn line(format: Format, entry: &Entry<'_>) -> String {
        let mut out = Vec::new();
        Lines::new(format, "local".into()).write(entry, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_line_of_json_has_the_names_of_records() {
        let text = line(Format::Json, &entry("/cart?a=\"1\"\n", "curl/8"));
        assert_eq!(text.matches('\n').count(), 1);
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        let expected = serde_json::json!({
            "time": "2020-09-13T12:26:40.250000Z", "edge": "local", "service": "shop", "version": 42,
            "container_id": "0123456789ab", "traffic": "production", "client": "192.0.2.7",
            "method": "GET", "host": "shop.test", "path": "/cart?a=\"1\"\n", "protocol": "HTTP/1.1",
            "status": 200, "bytes_received": 0, "bytes_sent": 1234, "duration_us": 12500,
            "queue_us": 1000, "head_us": 9000, "sent_again": 1, "user_agent": "curl/8", "end": "whole",
        });
        assert_eq!(line, expected);
    }

    #[test]
    fn a_combined_line_is_one_and_has_more_behind() {
        let text = line(Format::Combined, &entry("/cart", "a\"b\\c\u{e9}\n"));
        assert_eq!(
            text,
            "192.0.2.7 - - [13/Sep/2020:12:26:40 +0000] \"GET /cart HTTP/1.1\" 200 1234 \"-\" \
             \"a\\x22b\\x5Cc\\xC3\\xA9\\x0A\" host=shop.test service=shop version=v42 \
             container=0123456789ab traffic=production duration=0.012500 head=0.009000 \
             queue=0.001000 again=1 end=whole\n"
        );
        let gone = Entry {
            status: None,
            head: None,
            version: None,
            container: None,
            end: End::Gone,
            ..entry("/", "a")
        };
        let text = line(Format::Combined, &gone);
        assert!(
            text.contains("\" 499 1234 ") && text.contains(" version=- container=- "),
            "{text}"
        );
        assert!(text.contains(" head=- "), "{text}");
    }
}
