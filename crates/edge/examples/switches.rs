//! Measures how long a switch takes under load, from the first word of the control plane to the last of
//! the edge.
//!
//! `cargo run --release -p launcher-edge --example switches [SWITCHES]`
//!
//! Needs `wrk` and `nginx`. The load is 64 keep-alive connections; wrk counts one that is closed on it
//! as a read error, and any such error is a failure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::print_stderr)]

use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use launcher_edge::protocol::{FromEdge, ToEdge};
use launcher_edge::table::{Pool, RouteTable, Rules, ServiceTable};
use launcher_edge::wire::{self, Reader, Writer};
use launcher_edge::{Config, Daemon, Limits};
use launcher_model::service::{Health, Traffic};
use launcher_model::{DeploymentId, EdgeName, Generation, ServiceName, VersionNumber, Weight};
use tokio::io::{ReadHalf, WriteHalf};
use tokio::net::{UnixListener, UnixStream};

type FromIt = Reader<ReadHalf<UnixStream>, FromEdge>;
type ToIt = Writer<WriteHalf<UnixStream>, ToEdge>;

fn main() {
    let switches = std::env::args().nth(1).map_or(1000, |arg| arg.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let containers: Vec<SocketAddr> = (0..2).map(|_| free_port()).collect();
    let config = format!(
        "worker_processes 1; daemon off; user root; pid {0}/pid; error_log stderr crit;\n\
         events {{ worker_connections 4096; }}\n\
         http {{ access_log off; keepalive_requests 1000000000; \
         server {{ listen {1}; return 200 one; }} server {{ listen {2}; return 200 two; }} }}\n",
        dir.path().display(),
        containers[0],
        containers[1],
    );
    fs::write(dir.path().join("nginx.conf"), config).unwrap();
    let mut nginx = Command::new("nginx");
    nginx.arg("-c").arg(dir.path().join("nginx.conf")).stdin(Stdio::null());
    let _nginx = Running(nginx.spawn().expect("nginx runs"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let times = runtime.block_on(run(dir.path(), &containers, switches));
    for (what, mut times) in times {
        times.sort_unstable();
        let at = |percent: usize| times[(times.len() - 1) * percent / 100];
        println!("{what:>9}: median {:?}, p99 {:?}, most {:?}", at(50), at(99), at(100));
    }
}

/// A process that is ended when this is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        Command::new("kill").arg(self.0.id().to_string()).status().unwrap();
        self.0.wait().unwrap();
    }
}

async fn run(
    dir: &std::path::Path,
    containers: &[SocketAddr],
    switches: u64,
) -> BTreeMap<&'static str, Vec<Duration>> {
    let listener = UnixListener::bind(dir.join("control.sock")).unwrap();
    let daemon = Daemon::start(Config {
        name: EdgeName::new("bench").unwrap(),
        http: vec!["127.0.0.1:0".parse().unwrap()],
        https: Default::default(),
        threads: 2,
        data_dir: dir.join("edge"),
        control: launcher_edge::ControlPlane::Local(dir.join("control.sock")),
        limits: Limits::default(),
        access: None,
        stop_within: Duration::ZERO,
    })
    .unwrap();
    let http = daemon.http()[0];
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(daemon.run(std::future::pending()));
    });
    let (stream, _) = listener.accept().await.unwrap();
    let (mut from_edge, mut to_edge) = wire::split::<_, FromEdge, ToEdge>(stream);
    from_edge.next().await.unwrap().expect("hello");
    let first = table(containers, 1);
    let services = [(first.name.clone(), first)].into();
    let welcome = RouteTable { preview_domain: "localhost".into(), installation: None, services };
    to_edge.send(&ToEdge::Welcome { table: welcome, unchanged: Vec::new() }).await.unwrap();
    from_edge.next().await.unwrap().expect("applied");

    let load = tokio::process::Command::new("wrk")
        .args(["-t1", "-c64", "-H", "Host: shop.test", "-d600s"])
        .arg(format!("http://{http}/"))
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("wrk runs");
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut times = BTreeMap::new();
    for n in 0..switches {
        let began = Instant::now();
        let (prepared, flipped) = switch(&mut to_edge, &mut from_edge, containers, n + 2).await;
        for (what, time) in [("prepare", prepared), ("flip", flipped), ("switch", began.elapsed())]
        {
            times.entry(what).or_insert_with(Vec::new).push(time);
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let interrupt = ["-INT".to_owned(), load.id().unwrap().to_string()];
    Command::new("kill").args(interrupt).status().unwrap();
    let output = load.wait_with_output().await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    println!("{}", text.trim_end());
    assert!(!text.contains("Non-2xx") && !text.contains("Socket errors"), "requests failed");
    times
}

async fn switch(
    to_edge: &mut ToIt,
    from_edge: &mut FromIt,
    containers: &[SocketAddr],
    generation: u64,
) -> (Duration, Duration) {
    let deployment = DeploymentId(i64::try_from(generation).unwrap());
    let service = table(containers, generation);
    let prepare = ToEdge::Prepare { deployment, service, within_ms: 5_000 };
    to_edge.send(&prepare).await.unwrap();
    let mut took = (Duration::ZERO, Duration::ZERO);
    loop {
        match from_edge.next().await.unwrap().expect("the edge is there") {
            FromEdge::Prepared { outcome, .. } => {
                took.0 = Duration::from_micros(outcome.unwrap().took_us);
                to_edge.send(&ToEdge::Commit { deployment }).await.unwrap();
            }
            FromEdge::Committed { outcome, .. } => {
                took.1 = Duration::from_micros(outcome.unwrap().took_us);
                return took;
            }
            FromEdge::Drained { deployment, .. } => {
                to_edge.send(&ToEdge::DrainSeen { deployment }).await.unwrap();
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Version 1 is live in odd generations and version 2 in even ones.
fn table(containers: &[SocketAddr], generation: u64) -> ServiceTable {
    let pool = |address: SocketAddr| Pool {
        health: Health { path: Some("/".into()), tcp: false, ..Health::default() },
        endpoints: [("c".to_owned(), address)].into(),
        ..Pool::default()
    };
    let live = VersionNumber(if generation % 2 == 1 { 1 } else { 2 });
    ServiceTable {
        name: ServiceName::new("shop").unwrap(),
        hosts: vec!["shop.test".to_owned()],
        revision: generation,
        generation: Generation(generation),
        weights: [(live, Weight::ALL)].into(),
        pools: (1..).map(VersionNumber).zip(containers.iter().copied().map(pool)).collect(),
        traffic: Traffic::default(),
        rules: Rules::default(),
        branches: Default::default(),
    }
}

fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
