//! What a container is given, and what is refused.

use std::sync::Arc;
use std::time::Duration;

use bollard::query_parameters::InspectContainerOptions;
use launcher_model::VersionNumber;
use launcher_model::service::ServiceSpec;
use launcher_scheduler::{Error, OneOffRole, Scheduler};

use crate::busybox::{get, serves};
use crate::conformance::{
    Behaviour, Ground, eventually, one_off, place, placement, settle, shop, version_of,
};
use crate::ground::{SwarmGround, on_a_swarm};
use crate::{checks, ends, images, secrets};

pub(crate) fn spec(text: &str) -> ServiceSpec {
    let basics = "[service]\nname = \"shop\"\nport = 8080\n";
    launcher_model::service::read("launcher.toml", &format!("{basics}{text}")).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_swarm_settings() {
    let story = Box::pin(async {
        let ground = SwarmGround::prepare().await;
        containers_have_limits_labels_and_variables(&ground).await;
        containers_serve_at_the_address_that_is_told(&ground).await;
        secrets::they_are_files_and_go_with_the_last_that_had_them(&ground).await;
        secrets::they_are_variables_and_files(&ground).await;
        images::one_without_a_registry_is_refused(&ground).await;
        images::hosts_pull_with_the_login_that_is_known(&ground).await;
        checks::a_command_decides_and_what_fails_it_is_replaced(&ground).await;
        ends::containers_end_within_the_grace_that_they_were_made_with(&ground).await;
        ends::what_has_no_container_is_told_of(&ground).await;
        a_release_command_that_was_killed_stays_overdue(&ground).await;
    });
    on_a_swarm(1, story).await;
}

async fn containers_have_limits_labels_and_variables(ground: &SwarmGround) {
    let engine = ground.driver(|_| {});
    let mut version = version_of("shop", 7, ground.image(Behaviour::Runs).await);
    let host = engine.hosts().await.unwrap().remove(0).name;
    version.spec = spec(&format!(
        "[resources]\ncpus = 0.5\nmemory = \"64MiB\"\n[placement]\nhosts = {{ name = \"{host}\" }}\n"
    ));
    let mut placement = place(version, 2);
    placement.variables = Arc::new(vec![("GREETING".into(), "hello = world".into())]);
    let containers = settle(&engine, &placement).await;
    assert!(containers.iter().all(|container| container.host == host), "{containers:?}");
    let own = ground.site.lab.host(&host).unwrap().docker().unwrap();
    let told = own.inspect_container(&containers[0].id, None::<InspectContainerOptions>).await;
    let told = told.unwrap();
    assert_eq!(told.name.unwrap().trim_start_matches('/'), containers[0].name);
    let limits = told.host_config.unwrap();
    assert_eq!(limits.nano_cpus, Some(500_000_000));
    assert_eq!((limits.memory, limits.pids_limit), (Some(64 << 20), Some(4096)));
    let log = limits.log_config.unwrap();
    assert_eq!(
        (log.typ.as_deref(), log.config.unwrap()["max-size"].as_str()),
        (Some("json-file"), "10m")
    );
    let config = told.config.unwrap();
    assert_eq!(config.healthcheck.unwrap().test.unwrap(), ["NONE"]);
    let variables = config.env.unwrap();
    for expected in ["PORT=8080", "LAUNCHER_VERSION=7", "GREETING=hello = world"] {
        assert!(variables.iter().any(|variable| variable == expected), "{expected}: {variables:?}");
    }
    let hosts = engine.hosts().await.unwrap();
    let promised = hosts.iter().find(|other| other.name == host).unwrap().promised;
    assert!(promised.milli_cpus >= 1000 && promised.memory >= 128 << 20, "{promised:?}");
    engine.remove(&shop(), VersionNumber(7), Duration::ZERO).await.unwrap();
}

async fn containers_serve_at_the_address_that_is_told(ground: &SwarmGround) {
    let engine = ground.driver(|_| {});
    let placement = place(version_of("shop", 3, ground.push("serves", &serves()).await), 2);
    settle(&engine, &placement).await;
    let addresses = eventually("both have an address", async || {
        let own = engine.observe(Some(&shop())).await.unwrap().into_iter();
        let own = own.filter(|container| container.version == VersionNumber(3));
        own.map(|container| container.address).collect::<Option<Vec<_>>>()
    })
    .await;
    assert_eq!(addresses.len(), 2);
    for address in addresses {
        let page = eventually("it answers", async || get(address).await).await;
        assert!(page.ends_with("shop 3\n"), "{page}");
    }
    engine.remove(&shop(), VersionNumber(3), Duration::ZERO).await.unwrap();
}

async fn a_release_command_that_was_killed_stays_overdue(ground: &SwarmGround) {
    let placement = placement(ground, Behaviour::Runs, 1).await;
    let mut release = one_off(&placement, OneOffRole::Release, "echo hanging; busybox sleep 600");
    release.timeout = Duration::from_secs(1);
    for _ in 0..2 {
        // The second asks as another process would.
        let engine = ground.driver(|_| {});
        let mut output = engine.run_once(&release).await.unwrap();
        let mut last = None;
        while let Some(item) =
            crate::conformance::within(futures_util::StreamExt::next(&mut output)).await
        {
            last = Some(item);
        }
        assert!(matches!(last, Some(Err(Error::Overdue { .. }))), "{last:?}");
    }
    assert_eq!(ground.one_offs().await, 1, "it was not begun again");
}
