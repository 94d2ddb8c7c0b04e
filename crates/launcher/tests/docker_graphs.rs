//! What a real installation measures of real containers, wherever it is looked at: numbers, pictures,
//! Graphite, Prometheus.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod monitors;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use launcher_testkit::installation::free_port;
use launcher_testkit::wait::{SOON, until};
use launcher_testkit::{Api, Engine, Graphite, Image, Installation};
use monitors::prometheus::{Prometheus, complaints};
use serde_json::{Value, json};

const PROGRAM: &str = env!("CARGO_BIN_EXE_launcher");

/// As many requests are sent.
const REQUESTS: usize = 40;

/// An installation whose shop is live and has answered.
struct Ground {
    api: Api,
    installation: Installation,
    _image: Image,
}

impl Ground {
    async fn new(configuration: &str) -> Self {
        let engine = Engine::local();
        let image = engine.build(Path::new(PROGRAM), 1, &[]);
        let mut installation = Installation::new(Path::new(PROGRAM), &engine);
        installation.configure(configuration);
        let api = installation.start_supervised().await;
        let service = json!({ "name": "shop", "port": 8080, "hosts": ["shop.test"] });
        api.put_service(json!({ "service": service, "health": { "path": "/healthz" } })).await;
        api.post("/services/shop/versions", json!({ "image": image.id })).await;
        until("the version being ready", Duration::from_secs(120), || async {
            let shown = api.get("/services/shop/versions/1").await;
            (shown["environment"]["state"] == "ready").then_some(())
        })
        .await;
        api.post("/services/shop/deployments", json!({ "version": 1 })).await;
        for _ in 0..REQUESTS {
            assert!(installation.page("shop.test").await.is_some());
        }
        Self { api, installation, _image: image }
    }

    /// The name of the only host.
    async fn host(&self) -> String {
        let hosts = self.api.get("/hosts").await;
        hosts["items"][0]["name"].as_str().unwrap().to_owned()
    }

    /// Waits until it is shown what that host uses, as numbers, on the command line and as a picture that
    /// whoever has its address may see.
    async fn shows_host(&self, host: &str) {
        until("what the host uses being shown", SOON, || async {
            let shown = self.api.get(&format!("/hosts/{host}/metrics?from=-5m")).await;
            let lines = shown["lines"].as_array().unwrap();
            let newest = |measure: &str| {
                let line = lines.iter().find(|line| line["measure"] == measure).unwrap();
                line["values"].as_array().unwrap().iter().filter_map(Value::as_f64).next_back()
            };
            let (used, there) = (newest("memory")?, newest("memory_total")?);
            assert!(0.0 < used && used < there && newest("cpus")? >= 1.0, "{shown}");
            newest("cpu").filter(|busy| *busy > 0.0)
        })
        .await;
        // A step that is not over has no number yet.
        until("it being told on the command line", SOON, || async {
            let mut command = Command::new(PROGRAM);
            command.args(["metrics", "--host", host, "--for", "5m"]);
            let told = command.env("LAUNCHER_DATA", self.installation.data()).output().unwrap();
            let told = String::from_utf8(told.stdout).unwrap();
            (told.contains("memory_total") && told.contains("GiB")).then_some(())
        })
        .await;
        let graphs = self.api.get(&format!("/hosts/{host}/graphs")).await;
        let (status, svg) = bytes(&self.url(graphs["items"][0]["svg"].as_str().unwrap())).await;
        let svg = String::from_utf8(svg).unwrap();
        assert!(status == 200 && svg.contains("curve live"), "{status} {svg}");
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.installation.listen)
    }

    /// Waits until that many requests are shown, or more: whoever waits asks too.
    async fn has_measured(&self) {
        until("the requests being shown", SOON, || async {
            let path = "/services/shop/metrics?measures=requests&from=-2m&step=1s";
            let shown = self.api.get(path).await;
            let values = shown["lines"][0]["values"].as_array()?.clone();
            let sum: f64 = values.iter().filter_map(Value::as_f64).sum();
            (sum >= REQUESTS as f64).then_some(())
        })
        .await;
    }
}

async fn bytes(url: &str) -> (u16, Vec<u8>) {
    let answer = reqwest::get(url).await.unwrap();
    (answer.status().as_u16(), answer.bytes().await.unwrap().to_vec())
}

#[tokio::test]
async fn docker_what_is_carried_is_shown_as_numbers_and_pictures_and_to_prometheus() {
    let edge = free_port();
    let ground = Ground::new(&format!("[metrics]\nedge = \"{edge}\"\n")).await;
    ground.has_measured().await;

    let graphs = ground.api.get("/services/shop/graphs").await;
    let address = |kind: &str, n: usize| graphs["items"][n][kind].as_str().unwrap().to_owned();
    // A step that is not over has no number yet.
    until("a picture of it", SOON, || async {
        let (status, svg) = bytes(&ground.url(&address("svg", 0))).await;
        assert_eq!(status, 200);
        let svg = String::from_utf8(svg).unwrap();
        (svg.contains("curve live") && svg.contains("class=\"mark\"")).then_some(())
    })
    .await;
    let (status, png) = bytes(&ground.url(&address("png", 2))).await;
    assert_eq!((status, &png[..8]), (200, &b"\x89PNG\r\n\x1a\n"[..]));

    ground.shows_host(&ground.host().await).await;

    let told = Command::new(PROGRAM)
        .args(["metrics", "shop", "--measure", "requests", "--measure", "latency_p99"])
        .env("LAUNCHER_DATA", ground.installation.data())
        .output()
        .unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(told.contains("requests") && told.contains("v1"), "{told}");

    let page = reqwest::get(format!("http://{edge}/metrics")).await.unwrap().text().await.unwrap();
    assert_eq!(complaints(&page), "", "{page}");
    let prometheus = Prometheus::start(edge);
    let query = "launcher_edge_requests_total{service=\"shop\",version=\"v1\",code=\"2xx\"}";
    let found = prometheus.finds(&format!("{query} >= {REQUESTS}")).await;
    assert_eq!(found.len(), 1, "{found:?}");
    drop(prometheus);

    let refused = bytes(&ground.url("/metrics")).await;
    assert_eq!(refused.0, 401);
    let body = json!({ "name": "prometheus", "role": "viewer" });
    let token = ground.api.post("/tokens", body).await["token"].as_str().unwrap().to_owned();
    let page = reqwest::Client::new().get(ground.url("/metrics")).bearer_auth(&token);
    let page = page.send().await.unwrap().text().await.unwrap();
    assert_eq!(complaints(&page), "", "{page}");
    let prometheus = Prometheus::start_with(ground.installation.listen, Some(&token));
    let query = "histogram_quantile(0.9, launcher_request_duration_seconds_bucket) > 0";
    assert_eq!(prometheus.finds(query).await.len(), 1);
    let query = "launcher_route_weight_percent{service=\"shop\",version=\"v1\"} == 100";
    assert_eq!(prometheus.finds(query).await.len(), 1);
    assert_eq!(prometheus.finds("launcher_edge_connected").await.len(), 1);
}

#[tokio::test]
async fn docker_a_team_that_has_graphite_sees_it_everywhere() {
    let mut graphite = Graphite::start().await;
    let ground = Ground::new(&format!(
        "[metrics]\nstore = \"graphite\"\n[graphite]\ncarbon = \"{}\"\nurl = \"{}\"\n",
        graphite.lines,
        graphite.url()
    ))
    .await;
    ground.has_measured().await;
    assert!(!ground.installation.data().join("metrics.db").exists());
    let (status, png) = bytes(&signed_by_graphite(&ground).await).await;
    assert_eq!((status, &png[..4]), (200, &b"\x89PNG"[..]));

    // What the host uses stands there, too: by its name, as people type it.
    let host = ground.host().await;
    let typed = host.replace(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_', "_");
    for of in ["cpu.used", "cpu.count", "memory.used", "memory.total", "disk.written"] {
        let name = format!("launcher._hosts.{typed}.{of}");
        until(&name, SOON, || async {
            let numbers = graphite.render(&name, now() - 300, now()).await;
            let (_, newest) = numbers.last()?;
            (of == "disk.written" || *newest > 0.0).then_some(())
        })
        .await;
    }
    ground.shows_host(&host).await;
    let graphs = ground.api.get(&format!("/hosts/{host}/graphs")).await;
    let by_graphite = graphs["items"][3]["graphite"].as_str().expect("there is a Graphite");
    let (status, png) = bytes(&ground.url(by_graphite)).await;
    assert_eq!((status, &png[..4]), (200, &b"\x89PNG"[..]));

    // Graphs say that it is away; what is measured meanwhile comes when it is back.
    graphite.stop_carbon().await;
    for _ in 0..REQUESTS {
        assert!(ground.installation.page("shop.test").await.is_some());
    }
    graphite.resume().await;
    until("what was measured meanwhile", Duration::from_secs(60), || async {
        let numbers = graphite.render("launcher.shop.v1.requests.all", now() - 300, now()).await;
        let sum: f64 = numbers.iter().map(|(_, number)| number).sum();
        (sum >= 2.0 * REQUESTS as f64).then_some(())
    })
    .await;
}

/// In seconds since 1970.
fn now() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    now.as_secs().try_into().unwrap()
}

/// The address of Graphite's own picture, with a token.
async fn signed_by_graphite(ground: &Ground) -> String {
    let graphs = ground.api.get("/services/shop/graphs").await;
    let address = graphs["items"][0]["graphite"].as_str().expect("there is a Graphite");
    ground.url(address)
}
