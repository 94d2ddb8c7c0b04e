//! Labs on a real Docker: what happens to their hosts, and what is left of them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is test code")]

mod support;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bollard::Docker;
use bollard::models::{
    EndpointPortConfig, EndpointPortConfigProtocolEnum, EndpointPortConfigPublishModeEnum,
    EndpointSpec, ServiceSpec, ServiceSpecMode, ServiceSpecModeReplicated, TaskSpec,
    TaskSpecContainerSpec,
};
use bollard::query_parameters::ListContainersOptions;
use launcher_lab::{Error, HostOptions, Image, Lab, Options, SwarmOptions};
use support::{answers, is_ready, push_web, shell, traces, until};

/// The port at which the service is published on each host.
const PORT: u16 = 8000;

/// Three hosts in a Swarm that soon notices when one is gone.
async fn swarm() -> Lab {
    let heartbeat = Some(Duration::from_secs(1));
    let swarm = SwarmOptions { heartbeat, ..SwarmOptions::default() };
    Lab::open(Options::hosts(3).swarm(swarm)).await.unwrap()
}

/// A service with a container on every host: two of them cannot have one port.
async fn serve(lab: &Lab) {
    let spec = ServiceSpec {
        name: Some("web".to_owned()),
        task_template: Some(TaskSpec {
            container_spec: Some(TaskSpecContainerSpec {
                image: Some(push_web(lab).await),
                ..TaskSpecContainerSpec::default()
            }),
            ..TaskSpec::default()
        }),
        mode: Some(ServiceSpecMode {
            replicated: Some(ServiceSpecModeReplicated { replicas: Some(3) }),
            ..ServiceSpecMode::default()
        }),
        endpoint_spec: Some(EndpointSpec {
            ports: Some(vec![EndpointPortConfig {
                protocol: Some(EndpointPortConfigProtocolEnum::TCP),
                target_port: Some(8080),
                published_port: Some(i64::from(PORT)),
                publish_mode: Some(EndpointPortConfigPublishModeEnum::HOST),
                ..EndpointPortConfig::default()
            }]),
            ..EndpointSpec::default()
        }),
        ..ServiceSpec::default()
    };
    lab.managers()[0].docker().unwrap().create_service(spec, None).await.unwrap();
    for host in lab.hosts() {
        until("the service answering", || answers(host.address(), PORT)).await;
    }
}

async fn running(engine: &Docker) -> usize {
    let options = ListContainersOptions {
        filters: Some(HashMap::from([("status".to_owned(), vec!["running".to_owned()])])),
        ..ListContainersOptions::default()
    };
    engine.list_containers(Some(options)).await.unwrap().len()
}

#[tokio::test]
async fn docker_lab_has_hosts_that_are_a_swarm() {
    let lab = swarm().await;
    let nodes = lab.nodes().await.unwrap();
    let mut names: Vec<_> = nodes.iter().map(|node| node.host.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["host-1", "host-2", "host-3"]);
    assert_eq!(nodes.iter().filter(|node| node.manager).count(), 1);
    assert!(nodes.iter().all(|node| node.ready));
    serve(&lab).await;

    // From another host, and from a container on one to this machine.
    let log = lab.directory().join("asked");
    let other = lab.hosts()[2].address();
    let ask = format!(
        "exec 3<>/dev/tcp/{other}/{PORT} && printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3 && cat <&3"
    );
    let mut asked = lab.hosts()[1].run(Path::new("bash"), &["-c", &ask], &log).await.unwrap();
    assert!(asked.wait().await.unwrap().success());
    assert!(std::fs::read_to_string(&log).unwrap().starts_with("HTTP/1."));
    let socket = lab.hosts()[1].socket();
    let container = shell(&format!("docker -H {socket} ps --quiet"));
    let pinged = format!(
        "docker -H {socket} exec {} /busybox ping -c 1 -W 5 {}",
        container.trim(),
        lab.gateway()
    );
    assert!(shell(&pinged).contains("1 packets received"));
}

#[tokio::test]
async fn docker_lab_cuts_a_host_off_while_it_runs_on() {
    let lab = swarm().await;
    serve(&lab).await;
    let host = lab.host("host-3").unwrap();
    let engine = host.docker().unwrap();
    host.cut().await.unwrap();
    assert!(!answers(host.address(), PORT).await);
    assert!(answers(lab.hosts()[1].address(), PORT).await);
    assert_eq!(running(&engine).await, 1);
    until("the Swarm missing it", async || !is_ready(&lab, "host-3").await).await;
    host.mend().await.unwrap();
    until("the service answering again", || answers(host.address(), PORT)).await;
    until("the Swarm having it again", || is_ready(&lab, "host-3")).await;
}

#[tokio::test]
async fn docker_lab_loses_a_host_and_starts_it_again() {
    let lab = swarm().await;
    serve(&lab).await;
    let host = lab.host("host-3").unwrap();
    let log = lab.directory().join("sleep");
    let mut beside = host.run(Path::new("sleep"), &["1000"], &log).await.unwrap();
    assert!(beside.is_running());
    host.kill().await.unwrap();
    assert!(!host.is_up().await);
    beside.wait().await.unwrap();
    assert!(!answers(host.address(), PORT).await);
    assert!(matches!(host.cut().await, Err(Error::Down(_))));
    until("the Swarm missing it", async || !is_ready(&lab, "host-3").await).await;

    host.revive().await.unwrap();
    until("the Swarm having it again", || is_ready(&lab, "host-3")).await;
    until("the service answering again", || answers(host.address(), PORT)).await;
}

#[tokio::test]
async fn docker_lab_brings_back_its_only_manager() {
    let lab = swarm().await;
    serve(&lab).await;
    let host = &lab.hosts()[0];
    let engine = host.docker().unwrap();
    let id = engine.inspect_swarm().await.unwrap().id;
    host.kill().await.unwrap();
    let began = std::time::Instant::now();
    host.revive().await.unwrap();
    // An engine gives up waiting for its managers after 20 s: this one has waited for nobody.
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    until("the Swarm having it again", || is_ready(&lab, "host-1")).await;
    assert_eq!(host.docker().unwrap().inspect_swarm().await.unwrap().id, id);
}

#[tokio::test]
async fn docker_lab_stops_an_engine_alone() {
    let options =
        Options { hosts: vec![HostOptions::new("north").label("disk", "ssd")], swarm: None };
    let lab = Lab::open(options).await.unwrap();
    let host = lab.host("north").unwrap();
    let engine = host.docker().unwrap();
    let info = engine.info().await.unwrap();
    assert_eq!(info.labels, Some(vec!["disk=ssd".to_owned()]));
    assert_eq!(info.name.as_deref(), Some("north"));
    let log = lab.directory().join("sleep");
    let mut beside = host.run(Path::new("sleep"), &["1000"], &log).await.unwrap();
    host.stop_engine().await;
    assert!(engine.ping().await.is_err());
    assert!(beside.is_running());
    host.start_engine().await.unwrap();
    engine.ping().await.unwrap();
    beside.kill().await;
    assert!(!beside.is_running());
}

#[tokio::test]
async fn docker_lab_pushes_an_image_of_this_machine() {
    let lab = Lab::open(Options::hosts(2)).await.unwrap();
    let tag = format!("launcher-lab-test:{}", std::process::id());
    let built = format!(
        "d=$(mktemp -d) && cp /bin/busybox $d && \
         printf 'FROM scratch\\nLABEL launcher.test=1 lab={}\\nCOPY busybox /\\n' >$d/Dockerfile && \
         DOCKER_BUILDKIT=0 docker build --quiet --tag {tag} $d; rm -r $d",
        std::process::id()
    );
    shell(&built);
    let pushed = lab.push("shop:7", &Image::Local(tag.clone())).await;
    shell(&format!("docker rmi {tag}"));
    let pushed = pushed.unwrap();
    assert_eq!(pushed, format!("{}/shop:7", lab.registry()));
    for host in lab.hosts() {
        shell(&format!("docker -H {} pull --quiet {pushed}", host.socket()));
    }
    let missing = lab.push("shop:8", &Image::Local("launcher-lab-test:none".to_owned())).await;
    assert!(matches!(missing, Err(Error::Image { .. })), "{missing:?}");
}

#[tokio::test]
async fn docker_lab_leaves_nothing_behind() {
    let (one, two) = tokio::join!(swarm(), Lab::open(Options::hosts(1)));
    let two = two.unwrap();
    assert_ne!(one.gateway(), two.gateway());
    serve(&one).await;
    let (name, directory) = (one.name().to_owned(), one.directory().to_owned());
    let seen = traces(&name, &directory).join("\n");
    for kind in ["ip -o link", "iptables -S", "control group", "process", "contained", "directory"]
    {
        assert!(seen.contains(&format!("{kind}: ")), "no {kind} in\n{seen}");
    }
    one.close().unwrap();
    assert_eq!(traces(&name, &directory), Vec::<String>::new());

    // One that is dropped does not take others along, and leaves as little.
    two.hosts()[0].docker().unwrap().ping().await.unwrap();
    let (name, directory) = (two.name().to_owned(), two.directory().to_owned());
    drop(two);
    assert_eq!(traces(&name, &directory), Vec::<String>::new());
}

#[tokio::test]
async fn docker_lab_leaves_nothing_when_it_is_given_up_at_its_start() {
    let host = format!("given-up-{}", std::process::id());
    let options = Options { hosts: vec![HostOptions::new(&host)], swarm: None };
    let starting = async {
        let lab = || Lab::running().unwrap().into_iter().find(|lab| lab.join(&host).exists());
        let log = |lab: PathBuf| lab.join(&host).join("dockerd.log");
        until("its engine starting", async || lab().map(log).is_some_and(|log| log.exists())).await;
        lab().unwrap()
    };
    // What is given up is dropped before anything else is done.
    let directory = tokio::select! {
        opened = Lab::open(options) => panic!("it came up first: {opened:?}"),
        directory = starting => directory,
    };
    let name = directory.file_name().unwrap().to_str().unwrap();
    assert_eq!(traces(name, &directory), Vec::<String>::new());
}
