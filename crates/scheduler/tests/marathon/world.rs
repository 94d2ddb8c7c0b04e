//! A Marathon in memory, as far as these tests need one: its tasks run at once where they may, and end at
//! once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use launcher_model::image::{ImageRef, PinnedImage};
use launcher_model::version::Version;
use launcher_model::{ServiceName, VersionNumber};
use launcher_scheduler::Placement;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::master::{Master, Reply, Seen, info};

#[derive(Default)]
pub(crate) struct World {
    pub(crate) version: String,
    pub(crate) apps: BTreeMap<String, Value>,
    pub(crate) hosts: Vec<String>,
    /// Deployments that are never over.
    pub(crate) deployments: Vec<Value>,
    /// What `/v2/queue` shows.
    pub(crate) queue: Vec<Value>,
    /// So many changes are refused because of those.
    pub(crate) locked: usize,
    /// Each stream that is open.
    pub(crate) streams: Vec<mpsc::UnboundedSender<Vec<u8>>>,
    made: u32,
}

pub(crate) type Shared = Arc<Mutex<World>>;

/// A server of a world of three hosts.
pub(crate) async fn world(version: &str) -> (Master, Shared) {
    let hosts = ["127.0.0.11", "127.0.0.12", "127.0.0.13"].map(str::to_owned).to_vec();
    let world = World { version: version.to_owned(), hosts, ..World::default() };
    let world: Shared = Arc::new(Mutex::new(world));
    let script = Arc::clone(&world);
    (Master::start(move |seen| script.lock().unwrap().answer(seen)).await, world)
}

impl World {
    fn answer(&mut self, seen: &Seen) -> Reply {
        let path = seen.path().to_owned();
        let is_forced = seen.target.contains("force=true");
        if seen.method != "GET" && self.locked > 0 && !is_forced {
            self.locked -= 1;
            let ids: Vec<_> = self.deployments.iter().map(|d| json!({ "id": d["id"] })).collect();
            return Reply::Json(
                409,
                json!({ "message": "App is locked by one or more deployments.", "deployments": ids }),
            );
        }
        match (seen.method.as_str(), path.as_str()) {
            ("GET", "/v2/info") => Reply::Json(200, info(&self.version)),
            ("GET", "/v2/apps") => {
                Reply::Json(200, json!({ "apps": self.apps.values().collect::<Vec<_>>() }))
            }
            ("GET", "/v2/queue") => Reply::Json(200, json!({ "queue": self.queue })),
            ("GET", "/v2/deployments") => Reply::Json(200, json!(self.deployments)),
            ("GET", "/v2/events") => {
                let (sender, receiver) = mpsc::unbounded_channel();
                self.streams.push(sender);
                Reply::Stream(receiver)
            }
            ("POST", "/v2/apps") => self.create(seen.json()),
            ("POST", "/v2/tasks/delete") => self.kill(&seen.json()),
            (method, path) => {
                let Some(id) = path.strip_prefix("/v2/apps").map(str::to_owned) else {
                    return Reply::Json(404, json!({ "message": "URI not found" }));
                };
                let Some(app) = self.apps.get_mut(&id) else {
                    return Reply::Json(
                        404,
                        json!({ "message": format!("App '{id}' does not exist") }),
                    );
                };
                match method {
                    "GET" => Reply::Json(200, json!({ "app": app })),
                    "PUT" => {
                        app["instances"] = seen.json()["instances"].clone();
                        self.settle(&id);
                        begun()
                    }
                    "DELETE" => {
                        self.apps.remove(&id);
                        begun()
                    }
                    _ => Reply::Json(405, json!({})),
                }
            }
        }
    }

    fn create(&mut self, mut app: Value) -> Reply {
        let id = app["id"].as_str().unwrap().to_owned();
        if self.apps.contains_key(&id) {
            return Reply::Json(
                409,
                json!({ "message": format!("An app with id [{id}] already exists.") }),
            );
        }
        app["tasks"] = json!([]);
        self.apps.insert(id.clone(), app.clone());
        self.settle(&id);
        app["deployments"] = json!([{ "id": "d" }]);
        Reply::Json(201, app)
    }

    fn kill(&mut self, body: &Value) -> Reply {
        let ids: BTreeSet<_> =
            body["ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
        for app in self.apps.values_mut() {
            let tasks = app["tasks"].as_array_mut().unwrap();
            let had = tasks.len();
            tasks.retain(|task| !ids.contains(task["id"].as_str().unwrap()));
            let gone = had - tasks.len();
            app["instances"] =
                json!(app["instances"].as_u64().unwrap() - u64::try_from(gone).unwrap());
        }
        begun()
    }

    /// Starts what is missing, and ends what is too much, the youngest first.
    fn settle(&mut self, id: &str) {
        let app = self.apps.get_mut(id).unwrap();
        let instances = usize::try_from(app["instances"].as_u64().unwrap()).unwrap();
        let avoid: Vec<String> = app["labels"]["launcher.avoid"]
            .as_str()
            .map(|hosts| hosts.split(',').map(str::to_owned).collect())
            .unwrap_or_default();
        let hosts: Vec<_> = self.hosts.iter().filter(|host| !avoid.contains(host)).collect();
        let tasks = app["tasks"].as_array_mut().unwrap();
        tasks.truncate(instances);
        while tasks.len() < instances && !hosts.is_empty() {
            self.made += 1;
            let at = Timestamp::from_second(1_700_000_000 + i64::from(self.made)).unwrap();
            tasks.push(json!({
                "id": format!("{}.{:04}", id.trim_start_matches('/').replace('/', "_"), self.made),
                "host": hosts[tasks.len() % hosts.len()],
                "ports": [31000 + self.made],
                "state": "TASK_RUNNING",
                "stagedAt": at.to_string(),
                "startedAt": at.to_string(),
            }));
        }
    }

    /// A task dies, and another one is started in its place.
    pub(crate) fn replace(&mut self, task: &str) {
        let ids: Vec<_> = self.apps.keys().cloned().collect();
        for id in ids {
            let app = self.apps.get_mut(&id).unwrap();
            app["tasks"].as_array_mut().unwrap().retain(|known| known["id"] != task);
            self.settle(&id);
        }
    }

    /// Sends bytes on each stream.
    pub(crate) fn send(&self, bytes: &str) {
        for stream in &self.streams {
            let _ = stream.send(bytes.as_bytes().to_vec());
        }
    }
}

fn begun() -> Reply {
    Reply::Json(200, json!({ "version": "2020-09-14T10:21:07.413Z", "deploymentId": "gone" }))
}

/// So many containers of version 1 of the shop.
pub(crate) fn placement(replicas: u16) -> Placement {
    let image: ImageRef =
        format!("registry.example.com/shop@sha256:{}", "ab".repeat(32)).parse().unwrap();
    let ImageRef::Digest(_, digest) = &image else { panic!() };
    let text = "[service]\nname = \"shop\"\nport = 8080\n";
    let version = Version {
        service: shop(),
        number: VersionNumber(1),
        image: PinnedImage { requested: image.clone(), digest: digest.clone(), reference: image },
        spec: launcher_model::service::read("launcher.toml", text).unwrap(),
        secrets: Default::default(),
        commit: None,
        branch: None,
        subject: None,
        author: None,
        created_at: Timestamp::now(),
        created_by: "test".into(),
    };
    Placement {
        version: Arc::new(version),
        replicas,
        since: Timestamp::now(),
        variables: Arc::default(),
        avoid: Arc::default(),
        released: BTreeSet::new(),
    }
}

pub(crate) fn shop() -> ServiceName {
    ServiceName::new("shop").unwrap()
}
