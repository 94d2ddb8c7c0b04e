//! Secrets as files in containers: a Swarm secret for each value, mounted at `/run/secrets/<VARIABLE>`.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bollard::models::{
    Secret, SecretSpec, Service, TaskSpecContainerSpecFile, TaskSpecContainerSpecSecrets,
};
use launcher_model::ServiceName;
use launcher_model::version::Version;
use secrecy::{ExposeSecret, SecretString};

use super::names::secret_name;
use super::{Inner, Swarm};
use crate::{Error, Result, labels};

/// Everyone in the container may read it: what user a program runs as is the image's business.
const MODE: u32 = 0o444;

/// The files that a version's containers get.
#[derive(Debug, Default)]
pub(super) struct Files(Vec<File>);

#[derive(Debug)]
struct File {
    variable: String,
    /// The Swarm's secret.
    name: String,
    id: String,
}

impl Files {
    /// How containers refer to them.
    pub(super) fn references(&self) -> Vec<TaskSpecContainerSpecSecrets> {
        let reference = |file: &File| TaskSpecContainerSpecSecrets {
            file: Some(TaskSpecContainerSpecFile {
                name: Some(file.variable.clone()),
                uid: Some("0".to_owned()),
                gid: Some("0".to_owned()),
                mode: Some(MODE),
            }),
            secret_id: Some(file.id.clone()),
            secret_name: Some(file.name.clone()),
        };
        self.0.iter().map(reference).collect()
    }

    /// The variables, without those that are files: of these `<VARIABLE>_FILE` says where.
    pub(super) fn instead_of(
        &self,
        variables: &[(String, SecretString)],
    ) -> Vec<(String, SecretString)> {
        let is_file = |name: &str| self.0.iter().any(|file| file.variable == name);
        let plain = variables.iter().filter(|(name, _)| !is_file(name)).cloned();
        let paths = self.0.iter().map(|file| {
            let path = format!("/run/secrets/{}", file.variable);
            (format!("{}_FILE", file.variable), SecretString::from(path))
        });
        plain.chain(paths).collect()
    }
}

impl Swarm {
    /// Sees to it that the Swarm has a version's secrets.
    pub(super) async fn files(
        &self,
        version: &Version,
        variables: &[(String, SecretString)],
    ) -> Result<Files> {
        let wanted: Vec<(&str, String, &SecretString)> = variables
            .iter()
            .filter(|(variable, _)| version.secrets.contains_key(variable))
            .map(|(variable, value)| {
                let name = self.secret_name(&version.service, variable, value);
                (variable.as_str(), name, value)
            })
            .collect();
        if wanted.is_empty() {
            return Ok(Files::default());
        }
        let mut known = by_name(self.secrets().await?);
        let missing: Vec<_> =
            wanted.iter().filter(|(_, name, _)| !known.contains_key(name)).collect();
        if !missing.is_empty() {
            for (variable, name, value) in missing {
                self.create_secret(&self.secret(&version.service, variable, name, value)).await?;
            }
            known = by_name(self.secrets().await?);
        }
        let file = |(variable, name, _): (&str, String, &SecretString)| match known.get(&name) {
            Some(id) => Ok(File { variable: variable.to_owned(), id: id.clone(), name }),
            None => Err(Error::Refused {
                doing: "creating a secret",
                why: format!(
                    "the secret {name} for {variable} belongs to another installation, or was just removed"
                ),
            }),
        };
        wanted.into_iter().map(file).collect::<Result<_>>().map(Files)
    }

    fn secret_name(&self, service: &ServiceName, variable: &str, value: &SecretString) -> String {
        let Inner { naming_key, installation, .. } = &*self.0;
        secret_name(naming_key, installation, service, variable, value.expose_secret())
    }

    fn secret(
        &self,
        service: &ServiceName,
        variable: &str,
        name: &str,
        value: &SecretString,
    ) -> SecretSpec {
        let labels = [
            (labels::INSTALLATION, self.0.installation.as_str().to_owned()),
            (labels::SERVICE, service.to_string()),
            (VARIABLE, variable.to_owned()),
        ];
        SecretSpec {
            name: Some(name.to_owned()),
            labels: Some(labels.map(|(label, value)| (label.to_owned(), value)).into()),
            data: Some(STANDARD.encode(value.expose_secret())),
            ..SecretSpec::default()
        }
    }

    /// Removes a service's secrets that no Swarm service has any more.
    pub(super) async fn sweep_secrets(&self, service: &ServiceName) -> Result<()> {
        let secrets = self.secrets().await?;
        if secrets.is_empty() {
            return Ok(());
        }
        let services = self.services().await?;
        let used: Vec<String> = services.iter().flat_map(used_by).collect();
        for secret in secrets {
            let (Some(id), Some(spec)) = (secret.id, secret.spec) else { continue };
            let labels = spec.labels.unwrap_or_default();
            let theirs = labels.get(labels::SERVICE).is_some_and(|name| name == service.as_str());
            if theirs && !used.contains(&id) {
                self.delete_secret(&id).await?;
            }
        }
        Ok(())
    }
}

/// The label of a Swarm secret that says which variable it is the value of.
const VARIABLE: &str = "launcher.variable";

fn by_name(secrets: Vec<Secret>) -> HashMap<String, String> {
    secrets.into_iter().filter_map(|secret| Some((secret.spec?.name?, secret.id?))).collect()
}

fn used_by(service: &Service) -> Vec<String> {
    let task = service.spec.as_ref().and_then(|spec| spec.task_template.as_ref());
    let container = task.and_then(|task| task.container_spec.as_ref());
    let secrets = container.and_then(|container| container.secrets.as_ref());
    secrets.into_iter().flatten().filter_map(|secret| secret.secret_id.clone()).collect()
}
