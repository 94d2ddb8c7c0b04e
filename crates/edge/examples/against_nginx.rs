//! Measures the edge against nginx: the same upstream, the same load, one run, in turns.
//!
//! `cargo run --release -p launcher-edge --example against_nginx [ROUNDS [SECONDS [BYTES]]]`
//!
//! Needs `nginx` and `wrk`. Prints one line per turn and the medians of the ratios; a ratio of
//! throughput over 1 and one of latency or CPU time under 1 are in the edge's favour.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::print_stderr)]

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use launcher_edge::table::{Pool, Rules, ServiceTable};
use launcher_edge::{Config, Limits};
use launcher_model::service::Traffic;
use launcher_model::{EdgeName, Generation, ServiceName, VersionNumber, Weight};

const HOST: &str = "shop.test";
const CONNECTIONS: &str = "64";

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if args.get(1).is_some_and(|arg| arg == "serve") {
        return serve(args[2].parse().unwrap(), args[3].parse().unwrap(), Path::new(&args[4]));
    }
    let number = |n: usize, default| args.get(n).map_or(default, |arg| arg.parse().unwrap());
    let (rounds, seconds, bytes) = (number(1, 5), number(2, 5), number(3, 12));
    let dir = tempfile::tempdir().unwrap();
    // The workers of an nginx that root starts are nobody's.
    fs::create_dir_all(dir.path().join("tmp")).unwrap();

    let upstream = free_port();
    fs::write(dir.path().join("body"), "x".repeat(bytes)).unwrap();
    let answer = if bytes > 1000 {
        format!("root {}; sendfile on; try_files /body =404;", dir.path().display())
    } else {
        format!("return 200 '{}';", "x".repeat(bytes))
    };
    let site = format!("listen {upstream} backlog=4096; location / {{ {answer} }}");
    let _upstream = nginx(dir.path(), "upstream", 1, &site);
    let by_nginx = free_port();
    let site = format!(
        "listen {by_nginx} backlog=4096; location / {{ proxy_pass http://up; proxy_http_version 1.1; \
         proxy_set_header Connection \"\"; proxy_set_header Host $host; \
         proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; \
         proxy_set_header X-Forwarded-Host $host; proxy_set_header X-Forwarded-Proto $scheme; }}"
    );
    let pool = format!(
        "upstream up {{ server {upstream}; keepalive 64; keepalive_requests 1000000000; }}"
    );
    let nginx = nginx(dir.path(), &format!("proxy;{pool}"), 2, &site);
    let by_edge = free_port();
    let edge = Command::new(std::env::current_exe().unwrap())
        .args(["serve", &by_edge.to_string(), &upstream.to_string()])
        .arg(dir.path().join("edge"))
        .spawn()
        .unwrap();
    let edge = Running(edge);
    for address in [upstream, by_nginx, by_edge] {
        wait_for(address);
    }

    let mut ratios = [Vec::new(), Vec::new(), Vec::new()];
    println!("{:>6} {:>9} {:>9} {:>9}", "", "req/s", "p99 ms", "µs CPU");
    for round in 0..rounds {
        let measure_nginx = || measure(by_nginx, seconds, &nginx);
        let measure_edge = || measure(by_edge, seconds, &edge);
        // Whoever comes second finds a warmer machine, or a hotter one.
        let (nginx, edge) = if round % 2 == 0 {
            let nginx = measure_nginx();
            (nginx, measure_edge())
        } else {
            let edge = measure_edge();
            (measure_nginx(), edge)
        };
        for (name, turn) in [("nginx", &nginx), ("edge", &edge)] {
            println!("{name:>6} {:>9.0} {:>9.2} {:>9.2}", turn[0], turn[1], turn[2]);
        }
        for (i, ratios) in ratios.iter_mut().enumerate() {
            ratios.push(edge[i] / nginx[i]);
        }
    }
    let [throughput, p99, cpu] = ratios.map(median);
    println!("edge / nginx: throughput {throughput:.3}, p99 {p99:.3}, CPU per request {cpu:.3}");
    println!("{:>6} RSS {} KiB", "edge", memory(&edge));
}

/// Runs wrk: requests per second, the 99th percentile in milliseconds, and the proxy's CPU time per
/// request in microseconds.
fn measure(address: SocketAddr, seconds: usize, proxy: &Running) -> [f64; 3] {
    let before = proxy.cpu_seconds();
    let output = Command::new("wrk")
        .args(["-t1", "-c", CONNECTIONS, "--latency", "-H", &format!("Host: {HOST}")])
        .args(["-d", &format!("{seconds}s"), &format!("http://{address}/")])
        .output()
        .expect("wrk runs");
    let cpu = proxy.cpu_seconds() - before;
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains("Non-2xx") && !text.contains("Socket errors"), "{text}");
    let after = |label: &str| {
        let line = text.lines().find(|line| line.contains(label)).unwrap();
        line.split_whitespace().nth(1).unwrap().to_owned()
    };
    let requests: f64 = text
        .lines()
        .find(|line| line.contains("requests in"))
        .and_then(|line| line.split_whitespace().next())
        .unwrap()
        .parse()
        .unwrap();
    [after("Requests/sec").parse().unwrap(), millis(&after("99%")), cpu / requests * 1e6]
}

fn millis(text: &str) -> f64 {
    let end = text.find(|c: char| c.is_ascii_alphabetic()).unwrap();
    let number: f64 = text[..end].parse().unwrap();
    match &text[end..] {
        "us" => number / 1e3,
        "ms" => number,
        _ => number * 1e3,
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A process that is ended when this is dropped.
struct Running(Child);

impl Running {
    /// User and system time of the process and its children, in seconds.
    fn cpu_seconds(&self) -> f64 {
        let own = self.0.id();
        let children = fs::read_to_string(format!("/proc/{own}/task/{own}/children")).unwrap();
        let all = children.split_whitespace().map(|id| id.parse().unwrap()).chain([own]);
        all.map(cpu_ticks).sum::<u64>() as f64 / 100.0
    }
}

fn cpu_ticks(id: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    let after_name = stat.rsplit_once(')').unwrap().1;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

fn memory(running: &Running) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", running.0.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

impl Drop for Running {
    fn drop(&mut self) {
        let terminate = Command::new("kill").arg(self.0.id().to_string()).status();
        terminate.unwrap();
        self.0.wait().unwrap();
    }
}

/// Starts an nginx with one server; `name` may carry more configuration behind a semicolon.
fn nginx(dir: &Path, name: &str, workers: usize, server: &str) -> Running {
    let (name, more) = name.split_once(';').unwrap_or((name, ""));
    let path = dir.join(format!("{name}.conf"));
    let tmp = dir.join("tmp");
    let tmp = tmp.display();
    let config = format!(
        "worker_processes {workers}; daemon off; user root; pid {tmp}/{name}.pid; error_log stderr crit;\n\
         events {{ worker_connections 4096; }}\n\
         http {{ access_log off; keepalive_requests 1000000000; client_body_temp_path {tmp}/a; \
         proxy_temp_path {tmp}/b; fastcgi_temp_path {tmp}/c; uwsgi_temp_path {tmp}/d; \
         scgi_temp_path {tmp}/e; {more} server {{ {server} }} }}\n"
    );
    fs::write(&path, config).unwrap();
    let child = Command::new("nginx").arg("-c").arg(&path).stdin(Stdio::null()).spawn();
    Running(child.expect("nginx runs"))
}

fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn wait_for(address: SocketAddr) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(address).is_err() {
        assert!(Instant::now() < deadline, "{address} is not served");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Serves one service from disk, as an edge without a control plane does.
fn serve(http: SocketAddr, upstream: SocketAddr, data_dir: &Path) {
    let version = VersionNumber(1);
    let pool = Pool { endpoints: [("c1".to_owned(), upstream)].into(), ..Pool::default() };
    let service = ServiceTable {
        name: ServiceName::new("shop").unwrap(),
        hosts: vec![HOST.to_owned()],
        revision: 1,
        generation: Generation(1),
        weights: [(version, Weight::ALL)].into(),
        pools: [(version, pool)].into(),
        traffic: Traffic::default(),
        rules: Rules::default(),
        branches: Default::default(),
    };
    fs::create_dir_all(data_dir.join("routes")).unwrap();
    fs::write(data_dir.join("routes/shop.json"), serde_json::to_vec(&service).unwrap()).unwrap();
    let config = Config {
        name: EdgeName::new("bench").unwrap(),
        http: vec![http],
        https: Default::default(),
        threads: 2,
        data_dir: data_dir.to_owned(),
        control: launcher_edge::ControlPlane::Local(data_dir.join("control.sock")),
        limits: Limits::default(),
        access: None,
        stop_within: Duration::from_secs(1),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut terminate = {
        let _inside = runtime.enter();
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).unwrap()
    };
    let until = async move {
        terminate.recv().await;
    };
    runtime.block_on(launcher_edge::run(config, until)).unwrap();
}
