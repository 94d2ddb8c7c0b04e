//! `[marathon]`: which Marathon, and as whom.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use launcher_model::{Bytes, Cpus, Span};
use launcher_registry::Authority;
use launcher_scheduler::marathon::{self, Login};
use secrecy::SecretString;
use serde::Deserialize;

use crate::run::secret;

/// What the file says of it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Marathon {
    #[serde(default)]
    urls: Vec<String>,
    username: Option<String>,
    password_file: Option<PathBuf>,
    token_file: Option<PathBuf>,
    #[serde(default)]
    mesos: Vec<String>,
    callback: Option<String>,
    deadline: Option<Span>,
    cpus: Option<Cpus>,
    memory: Option<Bytes>,
    docker_config: Option<String>,
    #[serde(default)]
    insecure_registries: Vec<String>,
    #[serde(default)]
    engines: BTreeMap<String, String>,
}

impl Marathon {
    /// The driver's settings.
    pub(crate) fn settings(
        &self,
        installation: &str,
        authorities: HashMap<String, Authority>,
    ) -> Result<marathon::Config> {
        if self.urls.is_empty() {
            bail!(
                "scheduler = \"marathon\" needs its masters: write urls = [\"http://10.0.0.5:8080\"] in [marathon]"
            );
        }
        let mut settings = marathon::Config::new(installation, "");
        settings.urls.clone_from(&self.urls);
        settings.login = self.login()?;
        settings.mesos.clone_from(&self.mesos);
        settings.callback.clone_from(&self.callback);
        if let Some(deadline) = self.deadline {
            settings.deadline = deadline.duration();
        }
        if let Some(cpus) = self.cpus {
            settings.cpus = f64::from(cpus.milli()) / 1000.0;
        }
        if let Some(memory) = self.memory {
            settings.memory = memory.0;
        }
        settings.docker_config.clone_from(&self.docker_config);
        settings.authorities = authorities;
        settings.insecure_registries.clone_from(&self.insecure_registries);
        settings.engines.clone_from(&self.engines);
        Ok(settings)
    }

    fn login(&self) -> Result<Option<Login>> {
        match (&self.username, &self.password_file, &self.token_file) {
            (None, None, None) => Ok(None),
            (None, None, Some(path)) => Ok(Some(Login::Token(read(path)?))),
            (Some(username), Some(path), None) => {
                Ok(Some(Login::Basic { username: username.clone(), password: read(path)? }))
            }
            _ => bail!(
                "[marathon] needs both username and password_file, or token_file alone, or none of them"
            ),
        }
    }
}

fn read(path: &Path) -> Result<SecretString> {
    secret::read("Marathon's login", path)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use secrecy::ExposeSecret;

    use super::*;

    fn settings(text: &str) -> Result<marathon::Config> {
        let section: Marathon = toml::from_str(text).unwrap();
        section.settings("main", HashMap::new())
    }

    #[test]
    fn a_section_becomes_the_driver_s_settings() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        std::fs::write(&path, "open sesame\n").unwrap();
        let text = format!(
            "urls = [\"http://m1:8080\", \"http://m2:8080\"]\nusername = \"ali\"\npassword_file = {path:?}\n\
             mesos = [\"http://m1:5050\"]\ndeadline = \"20s\"\ncpus = 0.5\nmemory = \"1GiB\"\n\
             insecure_registries = [\"10.0.0.5:5000\"]\n[engines]\na1 = \"tcp://10.0.0.7:2375\"\n"
        );
        let settings = settings(&text).unwrap();
        assert_eq!((settings.installation.as_str(), settings.urls.len()), ("main", 2));
        assert_eq!((settings.cpus, settings.memory), (0.5, 1 << 30));
        assert_eq!(settings.deadline, Duration::from_secs(20));
        assert_eq!(settings.insecure_registries, ["10.0.0.5:5000"]);
        assert_eq!(settings.engines["a1"], "tcp://10.0.0.7:2375");
        let Some(Login::Basic { username, password }) = settings.login else { panic!() };
        assert_eq!((username.as_str(), password.expose_secret()), ("ali", "open sesame"));
    }

    #[test]
    fn what_is_missing_or_too_much_is_said() {
        for (text, words) in [
            ("", "urls = ["),
            ("urls = [\"http://m1:8080\"]\nusername = \"ali\"", "both username and password_file"),
            ("urls = [\"http://m1:8080\"]\ntoken_file = \"/no/such/file\"", "/no/such/file"),
        ] {
            let error = format!("{:#}", settings(text).unwrap_err());
            assert!(error.contains(words), "{error}");
        }
    }
}
