//! A stand-in, an image to deploy, and the engine's own word for what runs.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::process::Command;

use bollard::Docker;
use bollard::query_parameters::ListContainersOptions;
use launcher_marathon_standin::{AgentOptions, Options, StandIn};
use launcher_testkit::engine::{TEST_LABEL, own_label};
pub(crate) use launcher_testkit::wait::SOON;
use serde_json::{Value, json};

/// Asks until the answer is something.
pub(crate) async fn until<T, F>(what: &str, ask: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    launcher_testkit::wait::until(what, SOON, ask).await
}

/// An image that answers `/health` on port 8080; removed when it is dropped.
pub(crate) struct Image(pub(crate) String);

impl Image {
    pub(crate) fn build() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy("/bin/busybox", folder.path().join("busybox")).unwrap();
        let serve = "mkdir -p /w && echo well > /w/health && exec busybox httpd -f -p 8080 -h /w";
        let file = format!(
            "FROM scratch\nLABEL {TEST_LABEL} {}\nCOPY busybox /bin/busybox\nCOPY busybox /bin/sh\n\
             ENV PATH=/bin\nCMD [\"/bin/sh\", \"-c\", \"{serve}\"]\n",
            own_label()
        );
        std::fs::write(folder.path().join("Dockerfile"), file).unwrap();
        let tag =
            format!("launcher-test-{}:standin-{:x}", std::process::id(), rand::random::<u32>());
        let built =
            Command::new("docker").args(["build", "-q", "-t", &tag]).arg(folder.path()).output();
        let built = built.unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        Self(tag)
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        let _ = Command::new("docker").args(["rmi", "-f", &self.0]).output();
    }
}

/// A stand-in, its image, and ways to both.
pub(crate) struct Ground {
    pub(crate) standin: StandIn,
    // Goes after the containers made of it.
    pub(crate) image: Image,
    pub(crate) client: reqwest::Client,
}

/// Two agents on this machine's engine.
pub(crate) fn two_agents() -> Vec<AgentOptions> {
    [1, 2]
        .map(|host| {
            let mut agent = AgentOptions::local(Ipv4Addr::new(127, 0, 0, host));
            agent.cpus = 2.0;
            agent.mem = 512.0;
            agent.attributes.insert("rack".to_owned(), format!("r{host}"));
            agent
        })
        .into()
}

impl Ground {
    /// A release with two agents.
    pub(crate) async fn of(version: &str) -> Self {
        let version = version.parse().unwrap();
        Self::with(Options { version, agents: two_agents(), ..Options::default() }).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        let standin = StandIn::start(options).await.unwrap();
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self { standin, image: Image::build(), client }
    }

    /// An app that becomes healthy, in the form that every release reads.
    pub(crate) fn app(&self, id: &str, instances: usize) -> Value {
        json!({
            "id": id,
            "cpus": 0.1,
            "mem": 32,
            "instances": instances,
            "container": { "type": "DOCKER", "docker": {
                "image": self.image.0, "network": "BRIDGE",
                "portMappings": [{ "containerPort": 8080, "hostPort": 0 }],
            } },
            "healthChecks": [{
                "protocol": "HTTP", "path": "/health", "intervalSeconds": 1, "gracePeriodSeconds": 30,
            }],
            "taskKillGracePeriodSeconds": 1,
        })
    }

    /// One that fails at once.
    pub(crate) fn failing_app(&self, id: &str) -> Value {
        let mut app = self.app(id, 1);
        app["cmd"] = json!("exit 3");
        app
    }

    pub(crate) async fn call(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> (u16, Value) {
        let method = method.parse().unwrap();
        let mut call = self.client.request(method, format!("{}{path}", self.standin.url()));
        if let Some(body) = body {
            call = call.json(body);
        }
        let answer = call.send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call("GET", path, None).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// Creates an app and returns the deployment's id.
    pub(crate) async fn create(&self, app: &Value) -> String {
        let (status, body) = self.call("POST", "/v2/apps", Some(app)).await;
        assert_eq!(status, 201, "{body}");
        body["deployments"][0]["id"].as_str().unwrap().to_owned()
    }

    /// Waits until no deployment is listed.
    pub(crate) async fn settled(&self) {
        until("the end of all deployments", async || {
            self.get("/v2/deployments").await.as_array().unwrap().is_empty().then_some(())
        })
        .await;
    }

    pub(crate) async fn tasks(&self, app: &str) -> Vec<Value> {
        self.get(&format!("/v2/apps{app}/tasks")).await["tasks"].as_array().unwrap().clone()
    }

    /// What runs, by the engine's own word: the ids of tasks.
    pub(crate) async fn running(&self) -> Vec<String> {
        let docker = Docker::connect_with_defaults().unwrap().negotiate_version().await.unwrap();
        let filters = HashMap::from([("label".to_owned(), vec![self.standin.mark()])]);
        let options = ListContainersOptions { filters: Some(filters), ..Default::default() };
        let listed = docker.list_containers(Some(options)).await.unwrap();
        let mut tasks: Vec<String> = listed
            .into_iter()
            .map(|container| container.labels.unwrap()["launcher.standin.task"].clone())
            .collect();
        tasks.sort();
        tasks
    }

    /// Asserts that exactly the tasks that Marathon lists for an app run on the engine.
    pub(crate) async fn assert_running(&self, app: &str, count: usize) {
        let mut listed: Vec<String> = self
            .tasks(app)
            .await
            .iter()
            .map(|task| task["id"].as_str().unwrap().to_owned())
            .collect();
        listed.sort();
        assert_eq!(listed.len(), count, "{listed:?}");
        assert_eq!(self.running().await, listed);
    }
}
