//! From one machine to three: a team's one Docker Engine becomes the first host of a Swarm, under load.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use launcher_lab::{Host, Image, Lab, Options, Process};
use launcher_testkit::load::Plan;
use launcher_testkit::wait::{SOON, until, until_ok};
use launcher_testkit::{Api, Engine, Load};
use reqwest::Method;
use serde_json::json;

use crate::ground::{docker, program};

const HOST: &str = "shop.example.com";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_swarm_takes_over_from_one_engine_without_a_gap() {
    let lab = Lab::open(Options::hosts(3)).await.expect("no lab");
    let [first, others @ ..] = lab.hosts() else { panic!("no hosts") };
    let mut machine = Machine { host: first, data: lab.directory().join("data"), server: None };
    let api = machine.start_server("").await;
    let _edge = machine.start_edge(&api).await;
    api.put_service(json!({
        "service": { "name": "shop", "hosts": [HOST], "replicas": 3, "port": 8080 },
        "health": { "path": "/healthz", "interval": "200ms" },
    }))
    .await;
    let sample = Engine::local().build(program(), 1, &[]);
    let image = lab.push("shop:1", &Image::Local(sample.id.clone())).await.unwrap();
    api.launch_ready("shop", &image).await;
    api.deploy("shop", 1).await;
    let load = Load::start(Plan {
        edge: machine.at(80),
        host: HOST.to_owned(),
        connections: 8,
        sockets: 0,
        pause: Duration::from_millis(5),
        live: 1,
    });

    join_to_a_swarm(first, others).await;
    // What the documentation says: two lines, and a restart of the server.
    let api = machine.start_server("scheduler = \"swarm\"\nmoving_from = \"docker\"\n").await;
    is_on_all_hosts(&api).await;
    let (engine, server) = (Engine::at(&first.socket()), api.get("/server").await);
    until_ok("nothing being left of before", SOON, async || {
        let there = engine.containers(server["installation"].as_str().unwrap()).await;
        // The Swarm's own on this host.
        if there.len() == 1 { Ok(()) } else { Err(format!("{there:?}")) }
    })
    .await;
    // And without the second line.
    let api = machine.start_server("scheduler = \"swarm\"\n").await;
    is_on_all_hosts(&api).await;
    let report = load.stop();
    assert_eq!((report.failed, report.closed, report.wrong), (0, 0, 0), "{report:?}");
    assert!(report.answered > 500, "{report:?}");
}

/// The machine that a team begins with.
struct Machine<'a> {
    host: &'a Host,
    data: PathBuf,
    server: Option<Process>,
}

impl Machine<'_> {
    fn at(&self, port: u16) -> SocketAddr {
        (self.host.address(), port).into()
    }

    /// Starts the server with this configuration, instead of the one that runs.
    async fn start_server(&mut self, configuration: &str) -> Api {
        if let Some(mut before) = self.server.take() {
            before.kill().await;
        }
        let file = self.data.with_extension("toml");
        std::fs::write(&file, configuration).unwrap();
        let (listen, http) = (self.at(7070).to_string(), self.at(80).to_string());
        let (file, data) = (file.to_str().unwrap(), self.data.to_str().unwrap());
        let words =
            ["server", "--config", file, "--data", data, "--listen", &listen, "--http", &http];
        let log = self.host.directory().join("server.log");
        self.server = Some(self.host.run(program(), &words, &log).await.unwrap());
        until("the server answering", SOON, async || {
            let token = std::fs::read_to_string(self.data.join("admin-token")).ok()?;
            let api = Api::new(&format!("http://{listen}"), token.trim());
            let server = api.try_call(Method::GET, "/server", None).await.ok()?;
            (server.status == 200).then_some(api)
        })
        .await
    }

    async fn start_edge(&self, api: &Api) -> Process {
        let (data, socket) = (self.data.join("edge"), self.data.join("edge.sock"));
        let (data, socket, http) =
            (data.to_str().unwrap(), socket.to_str().unwrap(), self.at(80).to_string());
        let joins = ["edge", "--name", "local", "--data", data, "--server-socket", socket];
        let words = [&joins[..], &["--http", &http]].concat();
        let log = self.host.directory().join("edge.log");
        let edge = self.host.run(program(), &words, &log).await.unwrap();
        until("the edge being connected", SOON, async || {
            let edges = api.get("/edges").await;
            (edges["items"][0]["state"] == "connected").then_some(())
        })
        .await;
        edge
    }
}

/// As people do it, with Docker's own commands.
async fn join_to_a_swarm(first: &Host, others: &[Host]) {
    let address = first.address().to_string();
    docker(first, &["swarm", "init", "--advertise-addr", &address]).await;
    let token = docker(first, &["swarm", "join-token", "--quiet", "worker"]).await;
    for host in others {
        docker(host, &["swarm", "join", "--token", token.trim(), &format!("{address}:2377")]).await;
    }
}

/// The hosts of the containers that run.
async fn on_hosts(api: &Api) -> Vec<String> {
    let version = api.version("shop", 1).await;
    let containers = version["containers"].as_array().unwrap().iter();
    let running = containers.filter(|container| container["phase"]["phase"] == "running");
    running.map(|container| container["host"].as_str().unwrap().to_owned()).collect()
}

async fn is_on_all_hosts(api: &Api) {
    until_ok("each host having a container", SOON, async || {
        let mut hosts = on_hosts(api).await;
        hosts.sort();
        if hosts == ["host-1", "host-2", "host-3"] { Ok(()) } else { Err(format!("{hosts:?}")) }
    })
    .await;
}
