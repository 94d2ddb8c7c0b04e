//! What a container is given.

use std::sync::Arc;

use launcher_model::VersionNumber;
use launcher_model::service::ServiceSpec;
use launcher_scheduler::labels;

use crate::busybox::{get, serves};
use crate::conformance::{
    Behaviour, Ground, eventually, observed, place, settle, shop, version_of,
};
use crate::ground::{DockerGround, by_id};

fn spec(text: &str) -> ServiceSpec {
    let basics = "[service]\nname = \"shop\"\nport = 8080\n";
    launcher_model::service::read("launcher.toml", &format!("{basics}{text}")).unwrap()
}

#[tokio::test]
async fn docker_containers_have_limits_labels_and_variables() {
    let ground = DockerGround::prepare().await;
    let engine = ground.engine();
    let image = ground.build(None, &format!("HEALTHCHECK CMD false\n{}", serves())).await;
    let mut version = version_of("shop", 7, by_id(image));
    version.spec = spec("[resources]\ncpus = 0.5\nmemory = \"64MiB\"\n");
    let mut placement = place(version, 1);
    placement.variables = Arc::new(vec![
        ("GREETING".into(), "hello = world".into()),
        ("LAUNCHER_SERVICE".into(), "my own".into()),
    ]);
    let container = settle(&*engine, &placement).await.remove(0);
    assert_eq!(container.name, format!("launcher-{}-shop-v7-1", &ground.installation()[..8]));

    let told = ground.inspect(&container.id).await;
    let host = told.host_config.unwrap();
    assert_eq!(host.nano_cpus, Some(500_000_000));
    assert_eq!((host.memory, host.memory_swap), (Some(64 << 20), Some(64 << 20)));
    assert_eq!(host.pids_limit, Some(4096));
    assert_eq!(host.restart_policy.unwrap().name.unwrap().to_string(), "no");
    assert_eq!(host.security_opt.unwrap(), ["no-new-privileges:true"]);
    let log = host.log_config.unwrap();
    assert_eq!(log.typ.as_deref(), Some("json-file"));
    assert_eq!(log.config.unwrap()["max-size"], "10m");
    assert!(!host.privileged.unwrap_or(false) && !host.auto_remove.unwrap_or(false));

    let config = told.config.unwrap();
    assert_eq!(config.healthcheck.unwrap().test.unwrap(), ["NONE"]);
    let variables = config.env.unwrap();
    for expected in
        ["PORT=8080", "LAUNCHER_VERSION=7", "GREETING=hello = world", "LAUNCHER_SERVICE=my own"]
    {
        assert_eq!(
            variables.iter().filter(|v| *v == expected).count(),
            1,
            "{expected}: {variables:?}"
        );
    }
    assert!(!variables.contains(&"LAUNCHER_SERVICE=shop".to_owned()));
    let said = config.labels.unwrap();
    for (label, value) in [
        (labels::INSTALLATION, ground.installation()),
        (labels::SERVICE, "shop"),
        (labels::VERSION, "7"),
        (labels::ROLE, "serve"),
        (labels::SLOT, "1"),
        (labels::ATTEMPT, "0"),
        (labels::PORT, "8080"),
    ] {
        assert_eq!(said[label], value, "{label}");
    }
}

#[tokio::test]
async fn docker_containers_serve_at_the_address_that_is_told() {
    let ground = DockerGround::prepare().await;
    let engine = ground.engine();
    let image = ground.build(None, &serves()).await;
    let placement = place(version_of("shop", 3, by_id(image)), 2);
    for container in settle(&*engine, &placement).await {
        let address = container.address.unwrap();
        let page = eventually("it answers", async || get(address).await).await;
        assert!(page.starts_with("HTTP/1.") && page.ends_with("shop 3\n"), "{page}");
    }
}

#[tokio::test]
async fn docker_containers_are_published_where_that_is_set() {
    let ground = DockerGround::prepare().await;
    let here = std::net::Ipv4Addr::LOCALHOST.into();
    let engine = ground.driver(|config| config.publish = Some(here));
    let image = ground.build(None, &serves()).await;
    let placement = place(version_of("shop", 3, by_id(image)), 2);
    let mut ports = std::collections::BTreeSet::new();
    for container in settle(&engine, &placement).await {
        let published = container.published.unwrap();
        assert_eq!(published.ip(), here);
        ports.insert(published.port());
        eventually("it answers there", async || get(published).await).await;
        let own = container.address.unwrap();
        eventually("and at its own address", async || get(own).await).await;
    }
    assert_eq!(ports.len(), 2);
}

#[tokio::test]
async fn docker_containers_join_the_network_that_is_set() {
    let ground = DockerGround::prepare().await;
    let name = format!("launcher-test-{}", ground.installation());
    let network = Network::create(&ground.api, &name).await;
    let engine = ground.driver(|config| config.network = Some(name.clone()));
    let image = ground.image(Behaviour::Runs).await;
    let placement = place(version_of("shop", 1, image), 1);
    let container = settle(&engine, &placement).await.remove(0);
    let told = ground.inspect(&container.id).await;
    let networks = told.network_settings.unwrap().networks.unwrap();
    assert_eq!(networks.keys().collect::<Vec<_>>(), [&name]);
    let address = container.address.unwrap().ip().to_string();
    assert_eq!(networks[&name].ip_address.as_deref(), Some(address.as_str()));
    launcher_scheduler::Scheduler::remove(
        &engine,
        &shop(),
        VersionNumber(1),
        std::time::Duration::ZERO,
    )
    .await
    .unwrap();
    assert_eq!(observed(&engine).await, []);
    network.remove().await;
}

struct Network<'a>(&'a bollard::Docker, String);

impl<'a> Network<'a> {
    async fn create(api: &'a bollard::Docker, name: &str) -> Self {
        let options =
            bollard::models::NetworkCreateRequest { name: name.to_owned(), ..Default::default() };
        api.create_network(options).await.unwrap();
        Self(api, name.to_owned())
    }

    async fn remove(self) {
        self.0.remove_network(&self.1).await.unwrap();
    }
}

#[tokio::test]
async fn docker_refuses_what_a_host_does_not_have() {
    let ground = DockerGround::prepare().await;
    let engine = ground.engine();
    let mut version = version_of("shop", 1, ground.image(Behaviour::Runs).await);
    version.spec = spec("[resources]\ncpus = 1024\n");
    let error = engine.ensure(&place(version, 1)).await.unwrap_err();
    assert!(matches!(error, launcher_scheduler::Error::Refused { .. }), "{error}");
    assert!(error.to_string().contains("CPUs"), "{error}");
}
