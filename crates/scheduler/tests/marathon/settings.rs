//! What a container is given on its agent, and what Mesos's check of it says.

use std::sync::Arc;

use bollard::query_parameters::InspectContainerOptions;
use launcher_model::container::{ContainerPhase, ExecCheck};
use launcher_model::service::ServiceSpec;
use launcher_scheduler::{Change, Error, ExecRequest, LogOptions, Scheduler};

use crate::busybox::serves;
use crate::conformance::{
    Behaviour, Ground, eventually, observed, place, placement, settle, shell, to_end, until,
    version_of,
};
use crate::ground::{LATEST, MarathonGround, in_a_lab, on_version};

fn spec(text: &str) -> ServiceSpec {
    let basics = "[service]\nname = \"shop\"\nport = 8080\n";
    launcher_model::service::read("launcher.toml", &format!("{basics}{text}")).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_marathon_settings() {
    let stories = Box::pin(async {
        containers_have_limits_labels_and_variables(&MarathonGround::prepare().await).await;
        a_check_by_command_is_told(&MarathonGround::prepare().await).await;
        an_agent_whose_engine_is_not_named_is_told_as_such(&MarathonGround::prepare().await).await;
    });
    in_a_lab(on_version(LATEST, stories)).await;
}

async fn containers_have_limits_labels_and_variables(ground: &MarathonGround) {
    let engine = ground.driver(|_| {});
    let mut version = version_of("shop", 7, ground.image(Behaviour::Runs).await);
    let host = engine.hosts().await.unwrap().remove(0).name;
    version.spec = spec(&format!(
        "[resources]\ncpus = 0.5\nmemory = \"64MiB\"\n[placement]\nhosts = {{ name = \"{host}\" }}\n\
         [volumes]\ndata = \"/data\"\n"
    ));
    let mut placement = place(version, 2);
    placement.variables = Arc::new(vec![("GREETING".into(), "hello = world".into())]);
    let containers = settle(&engine, &placement).await;
    assert!(containers.iter().all(|container| container.host == host), "{containers:?}");
    let (docker, id) = ground.container(&containers[0].id).await.expect("it runs");
    let told = docker.inspect_container(&id, None::<InspectContainerOptions>).await.unwrap();
    let limits = told.host_config.unwrap();
    assert_eq!((limits.memory, limits.pids_limit), (Some(64 << 20), Some(4096)));
    assert_eq!(limits.security_opt.unwrap(), ["no-new-privileges"]);
    let volumes: Vec<_> = told.mounts.unwrap().into_iter().map(|mount| mount.destination).collect();
    assert_eq!(volumes, [Some("/data".to_owned())]);
    let config = told.config.unwrap();
    let labels = config.labels.unwrap();
    assert_eq!(
        (labels["launcher.service"].as_str(), labels["launcher.version"].as_str()),
        ("shop", "7")
    );
    let variables = config.env.unwrap();
    for expected in ["PORT=8080", "LAUNCHER_VERSION=7", "GREETING=hello = world"] {
        assert!(variables.iter().any(|variable| variable == expected), "{expected}: {variables:?}");
    }
    let hosts = engine.hosts().await.unwrap();
    let promised = hosts.iter().find(|other| other.name == host).unwrap().promised;
    assert_eq!((promised.milli_cpus, promised.memory), (1000, 128 << 20));
}

async fn check(engine: &dyn Scheduler) -> Option<ExecCheck> {
    match &observed(engine).await[0].phase {
        ContainerPhase::Running { exec_check, .. } => exec_check.clone(),
        other => panic!("{other:?}"),
    }
}

async fn a_check_by_command_is_told(ground: &MarathonGround) {
    let engine = ground.driver(|_| {});
    let with_shell = format!("COPY busybox /bin/sh\n{}", serves());
    let mut version = version_of("shop", 1, ground.push("shell", &with_shell).await);
    version.spec = spec(
        "[health]\ninterval = \"1s\"\nstart_period = \"1s\"\nexec = [\"/bin/busybox\", \"test\", \"-e\", \"/it's well\"]\n",
    );
    let container = settle(&engine, &place(version, 1)).await.remove(0);
    eventually("it is checked, and not well", async || {
        check(&engine).await.filter(|check| !check.healthy && check.output.contains("returned 1"))
    })
    .await;
    let mut changes = engine.watch();
    until(&mut changes, |change| *change == Change::Everything).await;
    let request = ExecRequest { command: shell("echo >\"/it's well\"") };
    assert_eq!(to_end(engine.exec(&container.id, request).await.unwrap()).await.1, 0);
    until(&mut changes, |change| matches!(change, Change::Service(_))).await;
    assert!(check(&engine).await.unwrap().healthy);
}

async fn an_agent_whose_engine_is_not_named_is_told_as_such(ground: &MarathonGround) {
    let engine = ground.driver(|_| {});
    let container = settle(&engine, &placement(ground, Behaviour::Runs, 1).await).await.remove(0);
    let elsewhere = ground.driver(|config| drop(config.engines.remove(&container.host)));
    let options = LogOptions::default();
    let error = elsewhere.logs(&container.id, options).await.err().unwrap();
    assert!(matches!(error, Error::Unsupported { .. }), "{error}");
    assert!(error.to_string().contains("[marathon.engines]"), "{error}");
}
