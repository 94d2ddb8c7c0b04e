//! Logs of containers that are gone, and logs that are followed, whatever dies meanwhile.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use launcher_testkit::wait::{SOON, until, until_ok};
use launcher_testkit::{Api, Engine, Image, Installation};
use serde_json::{Value, json};

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_launcher"))
}

struct Site {
    api: Api,
    installation: Installation,
    engine: Engine,
    _image: Image,
}

impl Site {
    /// A service with one environment of so many containers.
    async fn begin(replicas: u16, prepare: impl FnOnce(&mut Installation)) -> Self {
        let engine = Engine::local();
        let image = engine.build(program(), 1, &[]);
        let mut installation = Installation::new(program(), &engine);
        prepare(&mut installation);
        let api = installation.start().await;
        api.put_service(json!({
            "service": { "name": "shop", "hosts": ["shop.example.com"], "replicas": replicas, "port": 8080 },
            "health": { "path": "/healthz", "interval": "200ms", "start_period": "30s" },
        }))
        .await;
        api.launch_ready("shop", &image.id).await;
        Self { api, installation, engine, _image: image }
    }

    /// The containers that run and are healthy, with their addresses.
    async fn healthy(&self) -> Vec<(String, String)> {
        let version = self.api.insist_get("/services/shop/versions/1").await;
        let containers = version["containers"].as_array().unwrap().clone();
        let healthy = containers.into_iter().filter(|one| one["health"] == "healthy");
        let running = healthy.filter(|one| one["phase"]["phase"] == "running");
        let word = |value: &Value| value.as_str().unwrap().to_owned();
        running.map(|one| (word(&one["id"]), word(&one["address"]))).collect()
    }

    async fn wait_for_healthy(&self, but: &str) -> (String, String) {
        until("another container being healthy", SOON, || async {
            self.healthy().await.into_iter().find(|(id, _)| id != but)
        })
        .await
    }

    /// Has a container print so many numbers, and die.
    async fn print_and_die(&self, address: &str, from: u64, lines: u64) {
        print(address, from, lines).await;
        let _ = get(&format!("http://{address}/exit?code=3")).await;
    }

    fn folder(&self) -> PathBuf {
        self.installation.data().join("logs/shop/v1")
    }

    fn logs(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.args(["logs", "shop", "1", "--no-timestamps"]).args(arguments);
        command.env("LAUNCHER_DATA", self.installation.data());
        command
    }

    /// The numbers that are told, and what is told beside.
    fn numbers(&self, arguments: &[&str]) -> (Vec<u64>, String) {
        let output = self.logs(arguments).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{told}");
        (read(&output.stdout), told)
    }

    /// What a terminal shows: what is printed, and what is told beside, in one order.
    fn shown(&self, arguments: &[&str]) -> String {
        let path = self.installation.scratch().join("shown");
        let file = std::fs::File::create(&path).unwrap();
        let status =
            self.logs(arguments).stdout(file.try_clone().unwrap()).stderr(file).status().unwrap();
        let shown = std::fs::read_to_string(&path).unwrap();
        assert!(status.success(), "{shown}");
        shown
    }

    async fn stop(&self) {
        self.api.post("/services/shop/versions/1/stop", json!({})).await;
        self.api.wait_for_state("shop", 1, "stopped").await;
    }
}

async fn get(url: &str) -> reqwest::Result<reqwest::Response> {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    client.get(url).send().await?.error_for_status()
}

async fn print(address: &str, from: u64, lines: u64) {
    get(&format!("http://{address}/print?from={from}&lines={lines}")).await.unwrap();
}

fn read(printed: &[u8]) -> Vec<u64> {
    let text = String::from_utf8_lossy(printed);
    text.lines().filter_map(|line| line.split_once("number ")?.1.parse().ok()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_a_hundred_thousand_lines_outlast_their_containers() {
    const MANY: u64 = 100_000;
    let site = Site::begin(1, |_| {}).await;
    let (first, address) = site.wait_for_healthy("").await;
    site.print_and_die(&address, 0, MANY).await;
    let (second, address) = site.wait_for_healthy(&first).await;
    site.print_and_die(&address, MANY, 5).await;
    // With the third, the first is removed.
    let (third, address) = site.wait_for_healthy(&second).await;
    print(&address, MANY + 5, 5).await;
    until("the first one's log being kept", SOON, || async {
        site.folder().join(format!("{first}.log")).exists().then_some(())
    })
    .await;
    until("the first one being removed", SOON, || async {
        let containers = site.engine.serving_containers(site.installation.id()).await;
        (!containers.contains(&first)).then_some(())
    })
    .await;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&site.folder().join(format!("{first}.log"))), 0o600);
    assert_eq!(mode(&site.folder()), 0o700);
    site.stop().await;

    let all: Vec<u64> = (0..MANY + 10).collect();
    let shown = site.shown(&["--tail", "all"]);
    let numbers = read(shown.as_bytes());
    assert!(numbers == all, "{} of {} lines", numbers.len(), all.len());
    // Where it belongs between the lines, also of one that is gone.
    let place = |what: &str| shown.find(what).unwrap_or_else(|| panic!("{what} is not shown"));
    let end_of = |container: &str| format!("— container {} ended, exit 3 —", &container[..12]);
    let end = place(&end_of(&first));
    assert!(end < place(&end_of(&second)));
    let (last, next) =
        (place(&format!("number {}\n", MANY - 1)), place(&format!("number {MANY}\n")));
    assert!(last < end && end < next, "{last} {end} {next}");
    let few = site.shown(&["--tail", "7"]);
    assert!(
        !few.contains(&format!("{} ended", &first[..12])) && few.contains("ended, exit"),
        "{few}"
    );
    // It says something at its end, too.
    let (last, _) = site.numbers(&["--tail", "7"]);
    assert!((4..=7).contains(&last.len()) && all.ends_with(&last), "{last:?}");
    assert_eq!(site.numbers(&["--tail", "all", "--container", &first[..12]]).0, all[..100_000]);
    assert_eq!(site.numbers(&["--since", "1h"]).0.len(), all.len());
    let (none, told) = site.numbers(&["--since", "2090-01-01T00:00:00Z"]);
    assert!(none.is_empty() && told.contains("nothing was printed there"), "{told}");

    // The same container is started again, and goes on with its log.
    site.api.post("/services/shop/versions/1/start", json!({})).await;
    site.api.wait_for_state("shop", 1, "ready").await;
    let (again, address) = site.wait_for_healthy("").await;
    assert_eq!(again, third);
    print(&address, MANY + 10, 1).await;
    let (numbers, _) = site.numbers(&["--tail", "all"]);
    assert_eq!((numbers.len(), numbers.last()), (all.len() + 1, Some(&(MANY + 10))));
    site.api.call(reqwest::Method::DELETE, "/services/shop/versions/1", None).await;
    site.api.wait_for_state("shop", 1, "destroyed").await;
    assert!(!site.folder().exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_logs_outlast_a_scale_down() {
    let site = Site::begin(3, |_| {}).await;
    let healthy = site.healthy().await;
    assert_eq!(healthy.len(), 3);
    for (nth, (_, address)) in (0..).zip(&healthy) {
        print(address, nth * 100, 100).await;
    }
    site.api.post("/services/shop/versions/1/scale", json!({ "replicas": 1 })).await;
    until("one container being left", SOON, || async {
        let left = site.engine.serving_containers(site.installation.id()).await;
        (left.len() == 1).then_some(())
    })
    .await;
    let (mut numbers, told) = site.numbers(&["--tail", "all"]);
    numbers.sort_unstable();
    assert_eq!(numbers, (0..300).collect::<Vec<_>>(), "{told}");
    assert_eq!(told.matches("ended, exit").count(), 2, "{told}");
}

struct Follower(Child, PathBuf);

impl Follower {
    fn begin(site: &Site) -> Self {
        let path = site.installation.scratch().join("followed");
        let open = |name: &str| std::fs::File::create(path.with_extension(name)).unwrap();
        let mut command = site.logs(&["-f", "--tail", "all"]);
        let child = command.stdin(Stdio::null()).stdout(open("out")).stderr(open("err")).spawn();
        Self(child.unwrap(), path)
    }

    fn numbers(&self) -> Vec<u64> {
        read(&std::fs::read(self.1.with_extension("out")).unwrap())
    }

    fn told(&self) -> String {
        std::fs::read_to_string(self.1.with_extension("err")).unwrap()
    }

    async fn has(&self, count: u64) {
        until_ok("the lines being followed", SOON, || async {
            let numbers = self.numbers();
            let whole = numbers.len() as u64 == count;
            if whole {
                Ok(())
            } else {
                Err(format!("{} of {count}: {}", numbers.len(), self.told()))
            }
        })
        .await;
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_logs_are_followed_over_every_death() {
    let mut site = Site::begin(1, |_| {}).await;
    let (first, address) = site.wait_for_healthy("").await;
    print(&address, 0, 100).await;
    let mut follower = Follower::begin(&site);
    follower.has(100).await;
    print(&address, 100, 100).await;
    follower.has(200).await;

    // What is printed while no server is there is told when one is.
    site.installation.kill_server();
    print(&address, 200, 1000).await;
    site.installation.start_server();
    site.api = site.installation.wait_for_server().await;
    follower.has(1200).await;
    print(&address, 1200, 100).await;
    // In the middle of it.
    let (killed, printing) = (site.installation.server_pid().unwrap(), address.clone());
    let printing = tokio::spawn(async move { print(&printing, 1300, 50_000).await });
    let pid = rustix::process::Pid::from_raw(i32::try_from(killed).unwrap()).unwrap();
    until("some of it being printed", SOON, || async {
        (follower.numbers().len() > 2000).then_some(())
    })
    .await;
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    site.installation.kill_server();
    printing.await.unwrap();
    site.installation.start_server();
    site.api = site.installation.wait_for_server().await;
    follower.has(51_300).await;

    site.engine.kill(&first).await;
    let (second, address) = site.wait_for_healthy(&first).await;
    print(&address, 51_300, 10).await;
    follower.has(51_310).await;
    site.stop().await;
    let status = until("the follower ending", SOON, || {
        let status = follower.0.try_wait().unwrap();
        async move { status }
    })
    .await;
    let told = follower.told();
    assert!(status.success(), "{told}");
    let numbers = follower.numbers();
    assert!(numbers == (0..51_310).collect::<Vec<_>>(), "each once, in order");
    assert!(told.contains(&format!("— container {} ended, exit 137 —", &first[..12])), "{told}");
    assert!(
        told.contains(&format!("— container {} has come, in place 1 —", &second[..12])),
        "{told}"
    );
    assert_eq!(told.matches("the connection to").count(), 2, "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_logs_are_kept_once_by_servers_that_die_over_it() {
    let mut fault = PathBuf::new();
    let mut site = Site::begin(1, |installation| {
        fault = installation.scratch().join("fault");
        installation.set("LAUNCHER_FAULT_FILE", fault.to_str().unwrap());
    })
    .await;
    let (mut last, mut printed) = (String::new(), 0);
    for point in ["logs.written", "logs.kept", "docker.container_removed"] {
        let (first, address) = site.wait_for_healthy(&last).await;
        site.print_and_die(&address, printed, 1000).await;
        let (second, address) = site.wait_for_healthy(&first).await;
        std::fs::write(&fault, point).unwrap();
        site.print_and_die(&address, printed + 1000, 10).await;
        until(point, SOON, || {
            let dead = site.installation.server_has_ended();
            async move { dead.then_some(()) }
        })
        .await;
        site.installation.kill_server();
        site.installation.start_server();
        site.api = site.installation.wait_for_server().await;
        site.wait_for_healthy(&second).await;
        printed += 1010;
        let (numbers, told) = site.numbers(&["--tail", "all"]);
        assert!(numbers == (0..printed).collect::<Vec<_>>(), "{point}: {} {told}", numbers.len());
        last = second;
    }
    let left = std::fs::read_dir(site.folder()).unwrap().map(|file| file.unwrap().path());
    let others: Vec<_> =
        left.filter(|path| path.extension().is_none_or(|one| one != "log")).collect();
    assert!(others.is_empty(), "{others:?}");
}
