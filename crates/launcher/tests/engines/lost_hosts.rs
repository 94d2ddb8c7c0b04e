//! Three hosts in a Swarm and two edges under load: a host is lost, drained, cut off, and comes back. What a
//! client asks is answered all the same, and the environment becomes whole again.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use launcher_testkit::installation::free_port;
use launcher_testkit::load::Plan;
use launcher_testkit::machine::host_address;
use launcher_testkit::wait::{SOON, until, until_ok};
use launcher_testkit::{Api, Installation, Load, Report};
use reqwest::Method;
use serde_json::{Value, json};

use crate::ground::{Ground, docker};

const HOST: &str = "shop.example.com";
const REPLICAS: u64 = 6;
/// Of clients with each edge.
const CONNECTIONS: usize = 16;
/// What `[traffic] connect_timeout` is when nothing is said.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_swarm_hosts_that_go_cost_no_requests() {
    let mut site = Site::open().await;

    site.suffers("host-3 being killed", "host-3", async |host| host.kill().await.unwrap()).await;
    site.ground.host("host-3").revive().await.unwrap();
    site.host_becomes("host-3", "ready").await;

    site.goes_without_loss("host-2 being drained", async |site| {
        site.api.post("/hosts/host-2/drain", json!({})).await;
        site.host_becomes("host-2", "drained").await;
    })
    .await;
    assert_eq!(site.containers_by_host().await.get("host-2"), None);
    site.api.post("/hosts/host-2/open", json!({})).await;
    site.may_use("host-2").await;

    site.suffers("host-3 being cut off", "host-3", async |host| host.cut().await.unwrap()).await;
    site.goes_without_loss("host-3 coming back", async |site| {
        site.ground.host("host-3").mend().await.unwrap();
        site.host_becomes("host-3", "ready").await;
        // What it ran on with is ended.
        site.becomes_whole("").await;
    })
    .await;
}

struct Site {
    api: Api,
    edges: [SocketAddr; 2],
    /// What is live.
    live: u64,
    /// They go in this order.
    _installation: Installation,
    ground: Ground,
}

impl Site {
    /// Two versions are ready, and the first one is live.
    async fn open() -> Self {
        let mut ground = Ground::swarm().await;
        let images = [ground.image(1, &[]).await, ground.image(2, &[]).await];
        let mut installation = ground.installation();
        installation.set("LAUNCHER_EDGES", format!("{}:0", host_address()));
        let api = installation.start().await;
        let second = free_port();
        installation.start_edge_at(&api, "second", second).await;
        api.put_service(json!({
            "service": { "name": "shop", "hosts": [HOST], "replicas": REPLICAS, "port": 8080 },
            "health": { "path": "/healthz", "interval": "500ms", "start_period": "60s" },
        }))
        .await;
        for image in &images {
            api.launch_ready("shop", image).await;
        }
        api.deploy("shop", 1).await;
        let edges = [installation.http, second];
        let site = Self { api, edges, live: 1, _installation: installation, ground };
        site.becomes_whole("").await;
        site
    }

    fn begin_loads(&self) -> [Load; 2] {
        self.edges.map(|edge| {
            Load::start(Plan {
                edge,
                host: HOST.to_owned(),
                connections: CONNECTIONS,
                sockets: 0,
                pause: Duration::from_millis(10),
                live: self.live,
            })
        })
    }

    /// Something happens under load of which no client notices anything.
    async fn goes_without_loss(&self, what: &str, happens: impl AsyncFnOnce(&Self)) {
        let loads = self.begin_loads();
        happens(self).await;
        for report in loads.map(Load::stop) {
            assert_eq!(
                (report.failed, report.closed, report.wrong),
                (0, 0, 0),
                "{what}: {report:?}"
            );
            assert!(report.answered > 100, "{what}: {report:?}");
        }
    }

    /// A host goes without a word, under load. Meanwhile the other version is made live.
    async fn suffers(
        &mut self,
        what: &str,
        name: &str,
        goes: impl AsyncFnOnce(&launcher_lab::Host),
    ) {
        let on_it = self.containers_by_host().await.get(name).copied();
        assert!(on_it.is_some(), "{name} has containers");
        let loads = self.begin_loads();
        until("the loads being on", SOON, async || {
            loads.iter().all(|load| load.answered() > 100).then_some(())
        })
        .await;
        let went = Instant::now();
        goes(self.ground.host(name)).await;
        self.switch(&loads).await;
        self.becomes_whole(name).await;
        for report in loads.map(Load::stop) {
            assert_lost_nothing(&report, went, what);
        }
    }

    /// Makes the other version live, which may be refused at first, with a reason.
    async fn switch(&mut self, loads: &[Load]) {
        let number = 3 - self.live;
        let asked = json!({ "version": number });
        loads.iter().for_each(|load| load.timeline.begins(number));
        until_ok("the other version being live", SOON, async || {
            let path = "/services/shop/deployments";
            let answer = self.api.try_call(Method::POST, path, Some(&asked)).await.unwrap();
            if answer.status == 200 {
                return Ok(());
            }
            let why = answer.body["detail"].as_str().unwrap_or_default();
            assert!(answer.status == 409 && !why.is_empty(), "{answer:?}");
            Err(why.to_owned())
        })
        .await;
        loads.iter().for_each(|load| load.timeline.ended(number));
        self.live = number;
    }

    async fn containers_by_host(&self) -> BTreeMap<String, u64> {
        let version = self.api.version("shop", self.live).await;
        let mut hosts = BTreeMap::new();
        for container in version["containers"].as_array().unwrap() {
            if container["phase"]["phase"] == "running" {
                *hosts.entry(container["host"].as_str().unwrap().to_owned()).or_default() += 1;
            }
        }
        hosts
    }

    /// Both versions have all their containers, and none of them is `lost`'s.
    async fn becomes_whole(&self, lost: &str) {
        until_ok("both environments being whole", SOON, async || {
            for number in [1, 2] {
                let version = self.api.version("shop", number).await;
                let is_good = |container: &&Value| container["host"] != lost;
                let containers = version["containers"].as_array().unwrap().iter();
                let running = containers.filter(|c| c["phase"]["phase"] == "running");
                let count = running.filter(is_good).count() as u64;
                if count != REPLICAS || version["environment"]["healthy"] != json!(REPLICAS) {
                    return Err(format!("{version}"));
                }
            }
            Ok(())
        })
        .await;
    }

    /// The Swarm, which replaces by itself what is lost, knows that it may do so there.
    async fn may_use(&self, name: &str) {
        let manager = self.ground.host("host-1");
        until_ok(&format!("{name} being open to all services"), SOON, async || {
            let all = docker(manager, &["service", "ls", "--quiet"]).await;
            let placement = "{{json .Spec.TaskTemplate.Placement}}";
            let mut inspect = vec!["service", "inspect", "--format", placement];
            inspect.extend(all.split_whitespace());
            let told = docker(manager, &inspect).await;
            if told.contains(&format!("!={name}")) { Err(told) } else { Ok(()) }
        })
        .await;
    }

    async fn host_becomes(&self, name: &str, state: &str) {
        until_ok(&format!("{name} being {state}"), SOON, async || {
            let host = self.api.get(&format!("/hosts/{name}")).await;
            if host["state"] == state { Ok(()) } else { Err(host.to_string()) }
        })
        .await;
    }
}

/// Each request was answered, as all of them may be repeated, and those that had to wait for it were asked
/// before the containers of the lost host have left the routes: a second after the first connection with
/// one of them has failed, which takes a second too; and a moment until all edges are told.
fn assert_lost_nothing(report: &Report, went: Instant, what: &str) {
    assert_eq!((report.failed, report.closed, report.wrong), (0, 0, 0), "{what}: {report:?}");
    assert!(report.answered > 500, "{what}: {report:?}");
    let waited = report.answers.0.iter().filter(|a| a.answered - a.asked >= CONNECT_TIMEOUT);
    let waited: Vec<_> = waited.map(|a| a.asked.saturating_duration_since(went)).collect();
    let last = waited.into_iter().max().expect("some requests went to the lost host");
    let (verdict, told) = (Duration::from_secs(1), Duration::from_secs(1));
    assert!(last < CONNECT_TIMEOUT + verdict + told, "{what}: {last:?}");
}
