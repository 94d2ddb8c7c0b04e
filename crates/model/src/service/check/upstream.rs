//! What `[source]` and `[jenkins]` must satisfy.

use super::{Faults, LONGEST_VALUE, MOST_ENTRIES, at_least, variable_fault};
use crate::Span;
use crate::secret::SecretName;
use crate::service::upstream::http_url;
use crate::service::{Jenkins, RepositoryUrl, ServiceSpec, Upstream};

/// The longest name of a job or a user, in bytes.
const LONGEST_NAME: usize = 500;

impl ServiceSpec {
    pub(super) fn check_upstream(&self, faults: &mut Faults) {
        if let Some(source) = &self.source {
            check_source(source, faults);
        }
        if let Some(jenkins) = &self.jenkins {
            check_jenkins(jenkins, faults);
            if self.service.image.is_none() {
                let needed = "needs service.image, the repository that the job pushes to";
                faults.add("jenkins.job", needed.into());
            }
        }
    }
}

fn check_source(source: &Upstream, faults: &mut Faults) {
    if let Err(why) = RepositoryUrl::read(&source.url) {
        let example = "a repository's URL, such as \"https://github.com/acme/shop.git\"";
        faults.add("source.url", format!("{example}: {why}"));
    }
    if let Some(Err(why)) = source.api.as_deref().map(http_url) {
        let example = "an API's URL, such as \"https://github.example.com/api/v3\"";
        faults.add("source.api", format!("{example}: {why}"));
    }
    for (path, secret) in
        [("source.hook_secret", &source.hook_secret), ("source.token", &source.token)]
    {
        if let Some(Err(error)) = secret.as_deref().map(SecretName::new) {
            faults.add(path, error.to_string());
        }
    }
}

fn check_jenkins(jenkins: &Jenkins, faults: &mut Faults) {
    if let Err(why) = http_url(&jenkins.url) {
        let example = "a URL, such as \"https://jenkins.example.com\"";
        faults.add("jenkins.url", format!("{example}: {why}"));
    }
    let no_name = |text: &str| {
        text.is_empty() || text.len() > LONGEST_NAME || text.chars().any(char::is_control)
    };
    if no_name(&jenkins.job) || jenkins.job.split('/').any(|part| matches!(part, "" | "." | "..")) {
        faults.add("jenkins.job", "a job, such as \"shop\" or \"folder/shop\"".into());
    }
    if no_name(&jenkins.user) || jenkins.user.contains(':') {
        faults.add("jenkins.user", "the name of a user of Jenkins".into());
    }
    if let Err(error) = SecretName::new(jenkins.token.as_str()) {
        faults.add("jenkins.token", error.to_string());
    }
    if jenkins.parameters.len() > MOST_ENTRIES {
        faults.add("jenkins.parameters", format!("at most {MOST_ENTRIES} parameters"));
    }
    for (name, value) in &jenkins.parameters {
        let path = format!("jenkins.parameters.{name}");
        if let Some(why) = variable_fault(name) {
            faults.add(&path, why.into());
        } else if name.starts_with("LAUNCHER_") {
            faults.add(
                &path,
                "another name: those that begin with LAUNCHER_ are given anyway".into(),
            );
        }
        if value.contains('\0') || value.len() > LONGEST_VALUE {
            faults.add(&path, "at most 64KiB of text without NUL".into());
        }
    }
    at_least("jenkins.timeout", jenkins.timeout, Span::secs(1), faults);
}
