//! A Docker Engine as tests use it: what is on it, and test images.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::process::Command;
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, SystemTime};

use bollard::Docker;
use bollard::models::{ContainerSummary, PushImageInfo};
use bollard::query_parameters::{
    EventsOptionsBuilder, KillContainerOptions, ListContainersOptions, ListImagesOptionsBuilder,
    PushImageOptionsBuilder, RemoveContainerOptions, RemoveImageOptions, TagImageOptionsBuilder,
};
use futures_util::TryStreamExt;

/// The label of everything that a test builds, by which what is left behind is found.
pub const TEST_LABEL: &str = "launcher.test=1";

/// A label that no other process gives its images. A build takes up the layers of one that began alike, and fails
/// when a test beside it removes these at the same moment; worse, an engine that has lost one so fails every such
/// build from then on. So every image begins with this.
#[must_use]
pub fn own_label() -> String {
    static OWN: LazyLock<u32> = LazyLock::new(rand::random);
    format!("launcher.test.process={}-{:x}", std::process::id(), *OWN)
}

/// An engine.
#[derive(Clone)]
pub struct Engine {
    docker: Docker,
    host: String,
}

impl Engine {
    /// The engine of this machine.
    ///
    /// # Panics
    /// When it cannot be addressed; it need not answer.
    #[must_use]
    pub fn local() -> Self {
        Self::at("unix:///var/run/docker.sock")
    }

    /// The engine that listens at `host`.
    ///
    /// # Panics
    /// When that is no address.
    #[must_use]
    pub fn at(host: &str) -> Self {
        let socket = host.strip_prefix("unix://").expect("a unix:// address");
        let version = &bollard::ClientVersion { major_version: 1, minor_version: 41 };
        let docker = Docker::connect_with_unix(socket, 60, version).unwrap();
        Self { docker, host: host.to_owned() }
    }

    /// Where it listens.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The ids of an installation's containers, whatever they do.
    pub async fn containers(&self, installation: &str) -> Vec<String> {
        self.labelled(vec![format!("launcher.installation={installation}")]).await
    }

    /// The ids of an installation's containers that are there to serve, whatever they do.
    pub async fn serving_containers(&self, installation: &str) -> Vec<String> {
        self.labelled(serving(installation)).await
    }

    /// How many containers of each version are there to serve, by `shop/1`; with those that do not run, or
    /// without.
    pub async fn containers_by_version(
        &self,
        installation: &str,
        all: bool,
    ) -> BTreeMap<String, u64> {
        let mut versions = BTreeMap::new();
        for container in self.list(serving(installation), all).await {
            let labels = container.labels.unwrap_or_default();
            let version = format!("{}/{}", labels["launcher.service"], labels["launcher.version"]);
            *versions.entry(version).or_default() += 1;
        }
        versions
    }

    async fn labelled(&self, labels: Vec<String>) -> Vec<String> {
        let listed = self.list(labels, true).await;
        listed.into_iter().filter_map(|container| container.id).collect()
    }

    async fn list(&self, labels: Vec<String>, all: bool) -> Vec<ContainerSummary> {
        let filters = Some(HashMap::from([("label".to_owned(), labels)]));
        let options = ListContainersOptions { all, filters, ..Default::default() };
        self.docker.list_containers(Some(options)).await.unwrap()
    }

    /// Ends a container's process, as a crash would.
    pub async fn kill(&self, container: &str) {
        self.docker.kill_container(container, None::<KillContainerOptions>).await.unwrap();
    }

    /// When the engine told of the end of a container.
    ///
    /// # Panics
    /// When it has not, of late.
    pub async fn told_of_death(&self, container: &str) -> SystemTime {
        let filters = HashMap::from([("container", vec![container]), ("event", vec!["die"])]);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let until = (now.as_secs() + 1).to_string();
        let options = EventsOptionsBuilder::new().since("0").until(&until).filters(&filters);
        let mut events = self.docker.events(Some(options.build()));
        let event = events.try_next().await.unwrap().expect("its end was told");
        let nanos = event.time_nano.and_then(|nanos| u64::try_from(nanos).ok());
        SystemTime::UNIX_EPOCH + Duration::from_nanos(nanos.expect("events have a time"))
    }

    /// Removes a container by force, as a person might.
    pub async fn remove(&self, container: &str) {
        let options = RemoveContainerOptions { force: true, v: true, ..Default::default() };
        let _ = self.docker.remove_container(container, Some(options)).await;
    }

    /// Removes all containers of an installation, and all images that it has built.
    pub async fn remove_all(&self, installation: &str) {
        for container in self.containers(installation).await {
            self.remove(&container).await;
        }
        let label = vec![format!("launcher.image.installation={installation}")];
        self.remove_images(HashMap::from([("label", label)])).await;
        // What a build has left that died with its server.
        let dangling = vec!["true".to_owned()];
        let left = HashMap::from([("label", vec![own_label()]), ("dangling", dangling)]);
        self.remove_images(left).await;
    }

    async fn remove_images(&self, filters: HashMap<&str, Vec<String>>) {
        let options = ListImagesOptionsBuilder::new().all(true).filters(&filters).build();
        for image in self.docker.list_images(Some(options)).await.unwrap() {
            let options = RemoveImageOptions { force: true, ..Default::default() };
            let _ = self.docker.remove_image(&image.id, Some(options), None).await;
        }
    }

    /// Builds the sample application as an image that answers with `version`.
    ///
    /// # Panics
    /// When it cannot be built.
    #[must_use]
    pub fn build(&self, program: &Path, version: u32, environment: &[(&str, &str)]) -> Image {
        let tag =
            format!("launcher-test-{}:{version}-{:x}", std::process::id(), rand::random::<u32>());
        let mut command = Command::new(program);
        command.args(["sample-image", "--tag", &tag, "--version", &version.to_string()]);
        command.args(["--label", TEST_LABEL]).env("LAUNCHER_DOCKER_HOST", &self.host);
        command.args(["--label", &own_label()]);
        for (name, value) in environment {
            command.args(["--env", &format!("{name}={value}")]);
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let id = String::from_utf8(output.stdout).unwrap().trim().to_owned();
        Image { id, tag, engine: self.clone(), names: Mutex::default() }
    }
}

fn serving(installation: &str) -> Vec<String> {
    vec![format!("launcher.installation={installation}"), "launcher.role=serve".to_owned()]
}

/// An image that is removed when this is dropped.
pub struct Image {
    /// Its id.
    pub id: String,
    tag: String,
    engine: Engine,
    /// Its other names.
    names: Mutex<Vec<String>>,
}

impl Image {
    /// Pushes it to a registry.
    ///
    /// # Panics
    /// When the registry or the engine refuses.
    pub async fn push(&self, repository: &str, tag: &str) {
        let docker = &self.engine.docker;
        let name = TagImageOptionsBuilder::new().repo(repository).tag(tag).build();
        docker.tag_image(&self.id, Some(name)).await.unwrap();
        self.names.lock().unwrap().push(format!("{repository}:{tag}"));
        let options = PushImageOptionsBuilder::new().tag(tag).build();
        let told: Vec<_> =
            docker.push_image(repository, Some(options), None).try_collect().await.unwrap();
        let digest = |info: &PushImageInfo| {
            let (_, rest) = info.status.as_deref()?.split_once("digest: ")?;
            rest.split_whitespace().next().map(str::to_owned)
        };
        let digests: Vec<String> = told.iter().filter_map(digest).collect();
        assert!(!digests.is_empty(), "{told:?}");
        let by_digest = digests.iter().map(|digest| format!("{repository}@{digest}"));
        self.names.lock().unwrap().extend(by_digest);
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        let docker = self.engine.docker.clone();
        let mut names = std::mem::take(&mut *self.names.lock().unwrap());
        names.push(self.tag.clone());
        block_on(async move {
            for name in names {
                let options = RemoveImageOptions { force: true, ..Default::default() };
                let _ = docker.remove_image(&name, Some(options), None).await;
            }
        });
    }
}

/// Runs to the end what a `drop` has to do, whether or not a runtime is there.
pub(crate) fn block_on(work: impl Future<Output = ()> + Send + 'static) {
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(work);
    });
    let _ = thread.join();
}
