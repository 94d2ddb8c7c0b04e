//! What containers are given that nobody else is to know.

use std::sync::Arc;
use std::time::Duration;

use bollard::query_parameters::ListSecretsOptions;
use launcher_model::VersionNumber;
use launcher_model::secret::{SecretName, SecretVersion};
use launcher_scheduler::swarm::{Secrets, Swarm};
use launcher_scheduler::{ExecRequest, Placement, Scheduler};

use crate::conformance::{Behaviour, Ground, eventually, place, shell, shop, to_end, version_of};
use crate::ground::SwarmGround;

async fn with_password(ground: &SwarmGround, number: u32) -> Placement {
    let mut version = version_of("shop", number, ground.image(Behaviour::Runs).await);
    let secret = SecretVersion { name: SecretName::new("shop/password").unwrap(), number: 1 };
    version.secrets.insert("PASSWORD".to_owned(), secret);
    let variables = Arc::new(vec![("PASSWORD".into(), "hunter2".into())]);
    Placement { variables, ..place(version, 1) }
}

/// What a command prints in the container of a version, once that runs.
async fn said(engine: &Swarm, number: u32, script: &str) -> Vec<String> {
    let container = eventually("it runs", async || {
        let all = engine.observe(Some(&shop())).await.unwrap();
        all.into_iter().find(|c| c.version == VersionNumber(number) && c.is_running())
    })
    .await;
    let request = ExecRequest { command: shell(script) };
    to_end(engine.exec(&container.id, request).await.unwrap()).await.0
}

pub(crate) async fn they_are_files_and_go_with_the_last_that_had_them(ground: &SwarmGround) {
    let engine = ground.driver(|config| config.secrets = Secrets::Files);
    for number in [11, 12] {
        engine.ensure(&with_password(ground, number).await).await.unwrap();
    }
    let script = "echo $PASSWORD_FILE; busybox cat $PASSWORD_FILE; echo; echo [$PASSWORD]";
    let lines = said(&engine, 11, script).await;
    assert_eq!(lines, ["/run/secrets/PASSWORD", "hunter2", "[]"]);
    let secrets =
        async || ground.api().list_secrets(None::<ListSecretsOptions>).await.unwrap().len();
    assert_eq!(secrets().await, 1, "two versions with the same value have one secret");
    engine.remove(&shop(), VersionNumber(11), Duration::ZERO).await.unwrap();
    assert_eq!(secrets().await, 1);
    engine.remove(&shop(), VersionNumber(12), Duration::ZERO).await.unwrap();
    assert_eq!(secrets().await, 0);
}

pub(crate) async fn they_are_variables_and_files(ground: &SwarmGround) {
    let engine = ground.driver(|config| config.secrets = Secrets::Both);
    engine.ensure(&with_password(ground, 13).await).await.unwrap();
    let script = "echo $PASSWORD; busybox cat /run/secrets/PASSWORD; echo; echo [$PASSWORD_FILE]";
    assert_eq!(said(&engine, 13, script).await, ["hunter2", "hunter2", "[]"]);
    engine.remove(&shop(), VersionNumber(13), Duration::ZERO).await.unwrap();
}
