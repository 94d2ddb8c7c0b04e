//! Where a repository is.

use std::net::IpAddr;

use launcher_model::image::ImageRepository;

/// Docker Hub, as people write it.
const HUB: &str = "docker.io";
/// Where its registry answers.
const HUB_REGISTRY: &str = "registry-1.docker.io";

/// Where a repository is: names that mean the same are the same place.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    registry: String,
    path: String,
}

impl Place {
    /// Reads a repository's name as engines do: without a registry it is Docker Hub's, and there one
    /// without an owner is Docker's own.
    #[must_use]
    pub fn of(repository: &ImageRepository) -> Self {
        let name = repository.as_str();
        let (registry, path) = match repository.registry() {
            None => (HUB, name),
            Some(registry) => (registry, name.get(registry.len() + 1..).unwrap_or_default()),
        };
        let is_hub = matches!(registry, HUB | "index.docker.io" | HUB_REGISTRY);
        if !is_hub {
            return Self { registry: registry.to_owned(), path: path.to_owned() };
        }
        let path = if path.contains('/') { path.to_owned() } else { format!("library/{path}") };
        Self { registry: HUB.to_owned(), path }
    }

    /// The registry, by which its login is known: `host[:port]`, or `docker.io`.
    #[must_use]
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The repository's name in it.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether it is Docker Hub.
    #[must_use]
    pub fn is_hub(&self) -> bool {
        self.registry == HUB
    }

    /// The registry's name for people.
    #[must_use]
    pub fn shown(&self) -> &str {
        if self.is_hub() { "Docker Hub" } else { &self.registry }
    }

    /// Whether the registry is on this machine: engines take those without TLS.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let host = self.host();
        host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
    }

    /// The registry's host, without its port.
    #[must_use]
    pub fn host(&self) -> &str {
        self.registry.rsplit_once(':').map_or(self.registry.as_str(), |(host, _port)| host)
    }

    /// Where its calls go.
    pub(crate) fn address(&self) -> &str {
        if self.is_hub() { HUB_REGISTRY } else { &self.registry }
    }
}

#[cfg(test)]
mod tests {
    use super::Place;
    use launcher_model::image::ImageRepository;

    fn place(name: &str) -> Place {
        Place::of(&ImageRepository::new(name).unwrap())
    }

    #[test]
    fn names_are_read_as_engines_read_them() {
        for (name, registry, path) in [
            ("shop", "docker.io", "library/shop"),
            ("team/shop", "docker.io", "team/shop"),
            ("index.docker.io/team/shop", "docker.io", "team/shop"),
            ("localhost/shop", "localhost", "shop"),
            ("registry.example.com:5000/a/b/c", "registry.example.com:5000", "a/b/c"),
        ] {
            let place = place(name);
            assert_eq!((place.registry(), place.path()), (registry, path), "{name}");
        }
        assert_eq!(place("docker.io/library/shop"), place("shop"));
    }

    #[test]
    fn loopback_registries_are_known() {
        for here in ["localhost/a", "localhost:5000/a", "127.0.0.1:5000/a", "127.8.9.1/a"] {
            assert!(place(here).is_loopback(), "{here}");
        }
        for there in ["example.com/a", "localhost.example.com:5000/a", "10.0.0.1:5000/a", "a"] {
            assert!(!place(there).is_loopback(), "{there}");
        }
    }
}
