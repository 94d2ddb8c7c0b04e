//! `launcher.toml` read strictly: a mistake is found by its line, with what was expected there.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use insta::assert_snapshot;
use launcher_model::service::{FileError, ServiceSpec, read};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::RngSeed;

/// A file with everything in it, a setting a line.
const WHOLE: &str = r#"# The shop.
[service]
name = "shop"
image = "registry.example.com/shop"
hosts = ["shop.example.com", "www.example.com"]
replicas = 3
port = 8080

[health]
path = "/healthz"
interval = "2s"
timeout = "1s"
healthy_after = 2
unhealthy_after = 1
start_period = "60s"

[resources]
cpus = 0.5
memory = "256MiB"

[env]
LOG_LEVEL = "info"
GREETING = "grüß dich"

[secrets]
DATABASE_URL = "shop/database-url"

[hooks]
release = ["bin/migrate", "--all"]
release_timeout = "5m"

[keep]
running = 2
stopped = 5

[traffic]
drain = "5m"
response_timeout = "60s"
connect_timeout = "1s"
silence_timeout = "1m"
sticky = true
max_body = "10MiB"
eject_after = 5
slow_start = "30s"
move_within = "1m"

[paths]
"/api" = "shop-api"
"/img" = { service = "images", strip = true }

[[redirects]]
host = "www.example.com"
to = "https://shop.example.com/*"

[[redirects]]
from = "/old/*"
to = "/new/*"
status = 301

[headers.request]
set = { X-Environment = "production" }

[headers.response]
remove = ["Server"]
set = { Strict-Transport-Security = "max-age=31536000" }

[tls]
redirect = true

[assets]
prefixes = ["/assets/", "/static/"]
keep = "10m"

[compression]
enabled = true
algorithms = ["br", "gzip", "zstd"]
min_size = "1KiB"
types = ["text/html", "application/json"]

[previews]
login = "shop/preview-logins"

[deploy]
auto = "main"
after = "10m"
hold = "300ms"
freeze = ["Fri 16:00 – Mon 08:00 Europe/Berlin", "2026-12-24 – 2027-01-02 Europe/Berlin"]
"#;

fn refused(text: &str) -> FileError {
    read("launcher.toml", text).expect_err(text)
}

/// The file with one line put instead of another, which is found by its beginning.
fn with(beginning: &str, instead: &str) -> String {
    let lines = WHOLE.lines().map(|line| if line.starts_with(beginning) { instead } else { line });
    let text = lines.collect::<Vec<_>>().join("\n");
    assert_ne!(text, WHOLE.trim_end(), "{beginning}");
    text
}

#[test]
fn a_mistake_at_the_end_of_a_line_is_in_that_line() {
    for end in ["\n", "\r\n"] {
        let error = read("launcher.toml", &format!("[service]{end}name{end}port = 1")).unwrap_err();
        assert_eq!((error.line, error.column, &*error.source_line), (2, 5, "name"), "{end:?}");
    }
}

#[test]
fn of_a_long_line_the_place_of_the_mistake_is_shown() {
    let long = "x".repeat(3_000_000);
    let behind = format!("GREETING = \"{long}\" oops");
    let mistakes = [
        ("GREETING", behind.as_str()),
        ("GREETING", &format!("GREETING = {long}")),
        ("GREETING", &format!("{long} = 1 1")),
        ("port", &format!("port = \"{long}\"")),
        ("port", &format!("{long} = 1")),
        ("name", &format!("name = \"{long}\"")),
        ("memory", &format!("memory = \"{long}\"")),
        ("hosts", &format!("hosts = [\"{long}\"]")),
        ("image", &format!("image = \"{long}\"")),
    ];
    for (beginning, mistake) in mistakes {
        let shown = refused(&with(beginning, mistake)).to_string();
        assert!(shown.chars().count() < 600, "{}", shown.chars().take(1000).collect::<String>());
    }
    let shown = refused(&with("GREETING", &behind)).to_string();
    let (_, line) = shown.split_once('\n').unwrap();
    assert!(line.starts_with("    …xxx") && line.ends_with("x\" oops"), "{line}");
    assert!(line.chars().count() < 130, "{line}");
}

#[test]
fn the_whole_is_read() {
    let spec = read("launcher.toml", WHOLE).unwrap();
    let again: ServiceSpec = serde_json::from_str(&serde_json::to_string(&spec).unwrap()).unwrap();
    assert_eq!((spec.service.replicas, &again), (3, &spec));
}

#[test]
fn what_is_not_said_of_the_protocol_is_not_told() {
    let spec = read("launcher.toml", WHOLE).unwrap();
    let told = serde_json::to_value(&spec).unwrap();
    assert!(spec.service.protocol.is_http1());
    assert!(told["service"].get("protocol").is_none() && told["health"].get("grpc").is_none());
    let text = with("port", "port = 8080\nprotocol = \"h2c\"");
    let text = text.replace("path = \"/healthz\"", "grpc = true");
    let spec = read("launcher.toml", &text).unwrap();
    let contact = spec.contact();
    assert_eq!(contact.protocol, launcher_model::service::Protocol::H2c);
    assert_eq!(contact.health.probe(), launcher_model::service::Probe::Grpc);
    let again: ServiceSpec = serde_json::from_str(&serde_json::to_string(&spec).unwrap()).unwrap();
    assert_eq!(again, spec);
}

#[test]
fn classic_mistakes_are_explained() {
    let mistakes = [
        ("unknown key", with("replicas", "replica = 3")),
        ("unknown section", with("[keep]", "[kept]")),
        ("duration without a unit", with("interval", "interval = \"2\"")),
        ("duration as a number", with("timeout", "timeout = 1")),
        ("size in another unit", with("memory", "memory = \"256MB\"")),
        ("port too large", with("port", "port = 70000")),
        ("port zero", with("port", "port = 0")),
        ("no name", with("name", "")),
        ("name in capitals", with("name", "name = \"Shop\"")),
        ("image with a tag", with("image", "image = \"registry.example.com/shop:1\"")),
        ("host with a scheme", with("hosts", "hosts = [\"https://shop.example.com\"]")),
        ("two kinds of health check", with("path", "path = \"/healthz\"\ntcp = true")),
        ("health by gRPC over HTTP/1.1", with("path", "grpc = true")),
        ("protocol that is none", with("port", "port = 8080\nprotocol = \"h2\"")),
        ("health path without a slash", with("path", "path = \"healthz\"")),
        ("no replicas", with("replicas", "replicas = 0")),
        ("more memory than there is", with("memory", "memory = \"999999TiB\"")),
        ("too many processors", with("cpus", "cpus = 5000")),
        ("variable and secret of one name", with("LOG_LEVEL", "DATABASE_URL = \"x\"")),
        ("variable's name", with("LOG_LEVEL", "LOG-LEVEL = \"x\"")),
        ("variable as a number", with("LOG_LEVEL", "LOG_LEVEL = 3")),
        ("secret's name", with("DATABASE_URL", "DATABASE_URL = \"Shop DB\"")),
        ("command as text", with("release ", "release = \"bin/migrate\"")),
        ("path with a slash at its end", with("\"/api\"", "\"/api/\" = \"shop-api\"")),
        ("path to the service itself", with("\"/api\"", "\"/api\" = \"shop\"")),
        ("path to a number", with("\"/api\"", "\"/api\" = 3")),
        ("path with an unknown key", with("\"/api\"", "\"/api\" = { servce = \"shop-api\" }")),
        ("path with dots", with("\"/api\"", "\"/api/../x\" = \"shop-api\"")),
        ("path with an encoded slash", with("\"/api\"", "\"/api%2Fx\" = \"shop-api\"")),
        ("path encoded without need", with("\"/api\"", "\"/%61pi\" = \"shop-api\"")),
        ("redirect of another host", with("host = \"www", "host = \"other.example.com\"")),
        ("redirect that leads back", with("to = \"/new", "to = \"/old/there\"")),
        ("redirect with a star too many", with("from = \"/old", "from = \"/old\"")),
        ("redirect that leads to the same host", with("host = \"www", "")),
        ("redirect to another host's path", with("to = \"/new", "to = \"//new.example.com/*\"")),
        ("star in a host", with("to = \"/new", "to = \"https://new.example.com*\"")),
        ("star in a query", with("to = \"/new", "to = \"/new?path=*\"")),
        ("redirect with another status", with("status", "status = 200")),
        ("field of the edge", with("set = { X-", "set = { Host = \"other\" }")),
        ("field without a value", with("set = { X-", "set = { X-A = \"\" }")),
        ("field's name", with("set = { X-", "set = { \"X A\" = \"a\" }")),
        ("value of two lines", with("set = { X-", "set = { X-A = \"a\\nb\" }")),
        ("fields as a date", with("set = { X-", "set = 1979-05-27")),
        ("field set and removed", with("remove", "remove = [\"strict-transport-security\"]")),
        ("silence of no time", with("silence", "silence_timeout = \"0s\"")),
        ("empty limit", with("max_body", "max_body = \"0B\"")),
        ("moved later than drained", with("move_within", "move_within = \"1h\"")),
        ("a pattern of branches", with("auto", "auto = \"release/*\"")),
        ("a delay of nothing", with("auto", "")),
        ("held for too long", with("hold", "hold = \"2m\"")),
        ("held for no time", with("hold", "hold = \"0s\"")),
        ("freeze as text", with("freeze", "freeze = \"Fri 16:00 – Mon 08:00 Europe/Berlin\"")),
        (
            "freeze without a zone",
            with("freeze", "freeze = [\"Sat – Sun UTC\", \"Fri 16:00 – Mon 08:00\"]"),
        ),
        ("freeze that never ends", with("freeze", "freeze = [\"Mon – Sun UTC\"]")),
        ("key given twice", with("stopped", "running = 5")),
        ("string without an end", with("name", "name = \"shop")),
        ("no value", with("port", "port =")),
        ("empty file", String::new()),
        ("a name alone", "service.name = \"shop\"\n".to_owned()),
        ("volume in a directory of the engine's", with("[env]", "[volumes]\na = \"/proc\"\n[env]")),
        ("another format", "{\"service\": {\"name\": \"shop\"}}".to_owned()),
    ];
    let explained = mistakes.map(|(what, text)| format!("{what}\n{}\n", refused(&text)));
    assert_snapshot!("mistakes", explained.join("\n"));
}

/// The lines that hold a setting.
fn settings() -> Vec<usize> {
    let lines = WHOLE.lines().enumerate();
    lines.filter(|(_, line)| line.contains(" = ")).map(|(i, _)| i).collect()
}

/// A file with one mistake, and the number of the line where it is.
fn mistaken() -> impl Strategy<Value = (String, usize)> {
    let wrong = select(vec![
        "{ unexpected = 1 }",
        "[[[]]]",
        "-1.5",
        "1e300",
        "-9223372036854775808",
        "1979-05-27",
        "99999999999999999999999",
        "\"unterminated",
        "nonsense",
        "",
        "= 3",
        "'\u{1}'",
    ]);
    let unknown =
        select(vec!["zzz = 1", "\"ÿ key\" = {}", "a.b.c = [1]", "0 = false", "[ = 1", "key"]);
    let line = select(settings());
    prop_oneof![
        (line.clone(), wrong).prop_map(|(line, wrong)| (
            edited(line, |text| {
                let (key, _) = text.split_once(" = ").unwrap();
                format!("{key} = {wrong}")
            }),
            line + 1
        )),
        (line.clone(), unknown).prop_map(|(line, unknown)| (
            edited(line, |text| format!("{unknown}\n{text}")),
            line + 1
        )),
        (line, any::<Index>()).prop_map(|(line, at)| (
            edited(line, |text| {
                let (key, value) = text.split_once(" = ").unwrap();
                // A key without its end, or with something behind it.
                let cut = key.char_indices().nth(at.index(key.chars().count())).unwrap().0;
                format!("{}\u{7f} = {value}", &key[..cut])
            }),
            line + 1
        )),
    ]
}

fn edited(line: usize, edit: impl Fn(&str) -> String) -> String {
    let lines = WHOLE.lines().enumerate();
    let lines = lines.map(|(i, text)| if i == line { edit(text) } else { text.to_owned() });
    lines.collect::<Vec<_>>().join("\n")
}

/// Text of any kind: pieces of the file, and noise.
fn noise() -> impl Strategy<Value = String> {
    let cut = (any::<Index>(), any::<Index>()).prop_map(|(from, to)| {
        let chars: Vec<char> = WHOLE.chars().collect();
        let (from, to) = (from.index(chars.len()), to.index(chars.len()));
        chars[from.min(to)..from.max(to)].iter().collect()
    });
    let deep = (1..3000_usize).prop_map(|depth| format!("[env]\na = {}", "[".repeat(depth)));
    let dotted = (1..3000_usize).prop_map(|depth| format!("{}a = 1", "a.".repeat(depth)));
    prop_oneof![cut, "\\PC{0,200}", "(?s).{0,200}", deep, dotted]
}

/// An error that a person can do something with.
fn is_useful(error: &FileError, text: &str) {
    assert_eq!(error.file, "launcher.toml");
    let lines: Vec<_> = text.split('\n').collect();
    assert!((1..=lines.len()).contains(&error.line), "{error:?} in {text:?}");
    let line = lines[error.line - 1];
    assert!((1..=line.chars().count() + 1).contains(&error.column), "{error:?} in {text:?}");
    assert_eq!(error.source_line.trim_end(), line.trim_end(), "{text:?}");
    assert!(error.message.len() >= 8 && !error.message.contains('\n'), "{error:?}");
    let told = error.to_string();
    assert!(told.starts_with(&format!("launcher.toml:{}:{}: ", error.line, error.column)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, rng_seed: RngSeed::Fixed(7), ..ProptestConfig::default() })]

    #[test]
    fn a_mistake_is_found_by_its_line((text, line) in mistaken()) {
        let error = refused(&text);
        is_useful(&error, &text);
        prop_assert_eq!(error.line, line, "{} in\n{}", error, text);
    }

    #[test]
    fn whatever_is_in_a_file_is_read_or_explained(text in noise()) {
        if let Err(error) = read("launcher.toml", &text) {
            is_useful(&error, &text);
        }
    }
}
