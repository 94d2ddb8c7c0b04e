//! Writing a service's file.

use super::ServiceSpec;

/// A service's settings as `launcher.toml` has them, with all that was not said filled in.
#[must_use]
pub fn write(spec: &ServiceSpec) -> String {
    // Everything in it was read from such a file, or is checked as if it was.
    toml::to_string_pretty(spec).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;

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
