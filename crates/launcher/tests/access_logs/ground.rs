//! An installation with a service, and what is asked of it.

use std::net::SocketAddr;
use std::path::Path;

use jiff::Timestamp;
use launcher_testkit::wait::{SOON, until_ok};
use launcher_testkit::{Api, Engine, Image, Installation};
use serde_json::{Value, json};

pub(crate) const HOST: &str = "shop.example.com";

pub(crate) fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_launcher"))
}

/// An installation with the first version of a shop live.
pub(crate) struct Shop {
    pub(crate) installation: Installation,
    pub(crate) api: Api,
    _image: Image,
    client: reqwest::Client,
    began: i64,
}

impl Shop {
    /// One with this configuration.
    pub(crate) async fn open(configuration: &str) -> Self {
        Self::with(configuration, json!({})).await
    }

    /// One with this configuration, whose service has more settings.
    pub(crate) async fn with(configuration: &str, more: Value) -> Self {
        let engine = Engine::local();
        let image = engine.build(program(), 1, &[]);
        let mut installation = Installation::new(program(), &engine);
        installation.configure(configuration);
        let api = installation.start_supervised().await;
        let mut spec = json!({
            "service": { "name": "shop", "hosts": [HOST], "replicas": 1, "port": 8080 },
            "health": { "path": "/healthz", "interval": "200ms", "start_period": "20s" },
        });
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        api.put_service(spec).await;
        api.launch_ready("shop", &image.id).await;
        api.deploy("shop", 1).await;
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let began = Timestamp::now().as_second() - 5;
        Self { installation, api, _image: image, client, began }
    }

    /// Asks production for a path; the answer must be whole.
    pub(crate) async fn get(&self, path: &str) {
        assert!(self.try_get(path).await.is_some(), "{path} is not answered");
    }

    /// The same, where nobody may answer yet.
    pub(crate) async fn try_get(&self, path: &str) -> Option<()> {
        let request = self.client.get(format!("http://{}{path}", self.installation.http));
        let request = request.header("host", HOST).header("user-agent", "test/1.0");
        let answer = request.header("referer", "http://elsewhere.test/?a=b").send().await.ok()?;
        answer.error_for_status().ok()?.bytes().await.ok().map(drop)
    }

    /// The container of the first version: its id, and where it serves.
    pub(crate) async fn container(&self) -> (String, SocketAddr) {
        let version = self.api.version("shop", 1).await;
        let container = &version["containers"][0];
        let text = |field: &str| container[field].as_str().expect("a text").to_owned();
        (text("id"), text("address").parse().unwrap())
    }

    /// How many requests of a class, such as `requests` or `requests_5xx`, were counted.
    async fn counted(&self, measure: &str) -> u64 {
        let query = format!("versions=1&measures={measure}&from={}&step=1s", self.began);
        let answer = self.api.get(&format!("/services/shop/metrics?{query}")).await;
        let step = answer["step"].as_f64().unwrap();
        let values = answer["lines"][0]["values"].as_array().unwrap();
        let sum: f64 = values.iter().filter_map(Value::as_f64).sum();
        (sum * step).round() as u64
    }

    /// Waits until exactly so many were counted.
    pub(crate) async fn wait_for(&self, measure: &str, count: u64) {
        until_ok(measure, SOON, || async {
            match self.counted(measure).await {
                counted if counted == count => Ok(()),
                counted if counted < count => Err(format!("{counted} of {count}")),
                counted => panic!("{counted} {measure} were counted, in the place of {count}"),
            }
        })
        .await;
    }

    /// What the server shows to Prometheus.
    pub(crate) async fn metrics_page(&self) -> String {
        let body = json!({ "name": "prometheus", "role": "viewer" });
        let token = self.api.post("/tokens", body).await;
        let url = format!("http://{}/metrics", self.installation.listen);
        let page = self.client.get(url).bearer_auth(token["token"].as_str().unwrap());
        page.send().await.unwrap().text().await.unwrap()
    }

    /// The longest median of a second, in milliseconds.
    pub(crate) async fn slowest_median(&self) -> f64 {
        let query = format!("versions=1&measures=latency_p50&from={}&step=1s", self.began);
        let answer = self.api.get(&format!("/services/shop/metrics?{query}")).await;
        let values = answer["lines"][0]["values"].as_array().unwrap();
        values.iter().filter_map(Value::as_f64).fold(0.0, f64::max)
    }
}
