//! Writing a service's file.

use serde::Serialize;
use toml::{Table, Value};

use super::{Basics, ServiceSpec, read};

/// A service's settings as `launcher.toml` has them, with all that was not said filled in.
#[must_use]
pub fn write(spec: &ServiceSpec) -> String {
    // Everything in it was read from such a file, or is checked as if it was.
    toml::to_string_pretty(spec).unwrap_or_default()
}

/// The same without what need not be said, as somebody would write it.
#[must_use]
pub fn write_briefly(spec: &ServiceSpec) -> String {
    let is_same = |text: &String| read("launcher.toml", text).is_ok_and(|again| again == *spec);
    // What is left out means in a few places something else than what is left out with all around it.
    let kept_whole: [&[&str]; 2] = [&[], &["health"]];
    let brief = kept_whole.into_iter().find_map(|kept| brief(spec, kept).filter(is_same));
    brief.unwrap_or_else(|| write(spec))
}

/// What every file says, in the order in which it is read.
#[derive(Serialize)]
struct First<'a> {
    service: &'a Basics,
}

/// Without what need not be said, but for the sections that are `kept` whole.
fn brief(spec: &ServiceSpec, kept: &[&str]) -> Option<String> {
    let unsaid = ServiceSpec::new(spec.service.name.clone(), spec.service.port);
    let mut table = Table::try_from(spec).ok()?;
    let mut other = Table::try_from(&unsaid).ok()?;
    kept.iter().for_each(|section| drop(other.remove(*section)));
    without(&mut table, &other);
    table.remove("service");
    let mut text = toml::to_string_pretty(&First { service: &spec.service }).ok()?;
    if !table.is_empty() {
        text.push('\n');
        text.push_str(&toml::to_string_pretty(&table).ok()?);
    }
    Some(text)
}

/// Takes away what is the same in both.
fn without(table: &mut Table, other: &Table) {
    for (key, theirs) in other {
        let is_empty = match (table.get_mut(key), theirs) {
            (Some(Value::Table(own)), Value::Table(theirs)) => {
                without(own, theirs);
                own.is_empty()
            }
            (Some(own), theirs) => own == theirs,
            (None, _) => false,
        };
        if is_empty {
            table.remove(key);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_need_not_be_said_is_left_out() {
        let least = "[service]\nname = \"shop\"\nhosts = []\nreplicas = 1\nport = 80\n";
        assert_eq!(write_briefly(&read("launcher.toml", least).unwrap()), least);
        for more in [
            "[health]\ninterval = \"5s\"\ntcp = true\n",
            "[health]\npath = \"/up\"\n[env]\nA = \"\\\"x\\\"\"\n[traffic]\nsticky = false\n",
            "[paths.\"/api\"]\nservice = \"api\"\n[[redirects]]\nfrom = \"/a\"\nto = \"/b\"\n",
            "[branches]\nmatch = [\"feature/*\"]\n[keep]\nrunning = 3\n",
        ] {
            let spec = read("launcher.toml", &format!("{least}{more}")).unwrap();
            let text = write_briefly(&spec);
            assert_eq!(read("launcher.toml", &text).unwrap(), spec, "{text}");
            assert!(text.starts_with("[service]"), "{text}");
            assert!(text.len() < write(&spec).len(), "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_as_the_same() {
        let text = r#"
            [service]
            name = "shop"
            image = "registry.example.com/shop"
            hosts = ["shop.example.com"]
            replicas = 3
            port = 8080
            [health]
            path = "/healthz"
            interval = "2s"
            start_period = "60s"
            [resources]
            cpus = 0.5
            memory = "256MiB"
            [env]
            LOG_LEVEL = "in\"fo"
            [secrets]
            DATABASE_URL = "shop/database-url"
            [hooks]
            release = ["bin/migrate"]
            [keep]
            running = 2
            stopped = 5
            [traffic]
            drain = "30s"
            [[redirects]]
            from = "/old"
            to = "/new"
        "#;
        let spec = read("launcher.toml", text).unwrap();
        let written = write(&spec);
        assert_eq!(read("launcher.toml", &written).unwrap(), spec, "{written}");
        assert!(written.contains("interval = \"2s\""), "{written}");
    }
}
