//! A Docker Engine to stand on: images that are built for a test, and a broom.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use bollard::models::ContainerInspectResponse;
use bollard::query_parameters::{
    BuildImageOptionsBuilder, InspectContainerOptions, KillContainerOptions,
    ListContainersOptionsBuilder, ListImagesOptionsBuilder, ListNetworksOptionsBuilder,
    ListVolumesOptionsBuilder, RemoveContainerOptionsBuilder, RemoveImageOptionsBuilder,
    RemoveVolumeOptions,
};
use futures_util::TryStreamExt;
use futures_util::future::join_all;
use launcher_model::image::{Digest, ImageRef, PinnedImage};
use launcher_scheduler::docker::{Config, Docker};
use launcher_scheduler::{Scheduler, labels};

use crate::busybox;
use crate::conformance::{Behaviour, Ground, PATIENCE};
use crate::switch::Switch;

/// What every test image bears, with the installation that it was built for.
const TEST_LABEL: &str = "launcher.test";

pub(crate) struct DockerGround {
    /// Two of them whose names begin alike.
    ours: String,
    theirs: String,
    pub(crate) api: bollard::Docker,
    pub(crate) switch: Switch,
}

impl DockerGround {
    pub(crate) fn installation(&self) -> &str {
        &self.ours
    }

    /// The driver, with settings of the test's own.
    pub(crate) fn driver(&self, change: impl FnOnce(&mut Config)) -> Docker {
        let mut config = Config::new(&self.ours);
        change(&mut config);
        Docker::connect(config).unwrap()
    }

    /// Builds an image from nothing but a static busybox, with these Dockerfile lines, and gives its id.
    pub(crate) async fn build(&self, name: Option<&str>, lines: &str) -> Digest {
        // The label first, so that tests share no layers of the build cache, which each removes at its end.
        let dockerfile = format!(
            "FROM scratch\nLABEL {TEST_LABEL}={}\nCOPY busybox /bin/busybox\n{lines}\n",
            self.ours
        );
        let mut options = BuildImageOptionsBuilder::new().q(true).rm(true).forcerm(true);
        if let Some(name) = name {
            options = options.t(name);
        }
        let context = bollard::body_full(context(&dockerfile));
        let told: Vec<_> =
            self.api.build_image(options.build(), None, Some(context)).try_collect().await.unwrap();
        let id =
            told.iter().find_map(|info| info.stream.as_deref()).expect("the build tells no id");
        Digest::new(id.trim()).unwrap()
    }

    /// The driver, as an installation uses it whose name begins alike.
    pub(crate) fn neighbour_driver(&self) -> Docker {
        self.driver(|config| config.installation = self.theirs.clone())
    }

    /// The driver's settings, by a way that [`take_away`](Ground::take_away) cuts.
    pub(crate) fn at_risk(&self) -> Config {
        Config { host: self.switch.host(), ..Config::new(&self.ours) }
    }

    /// The ids of the networks of this installation.
    pub(crate) async fn networks(&self) -> Vec<String> {
        networks_of(&self.api, &self.ours).await
    }

    pub(crate) async fn inspect(&self, container: &str) -> ContainerInspectResponse {
        self.api.inspect_container(container, None::<InspectContainerOptions>).await.unwrap()
    }
}

/// An image that the engine has, by its id.
pub(crate) fn by_id(id: Digest) -> PinnedImage {
    PinnedImage {
        requested: ImageRef::Id(id.clone()),
        reference: ImageRef::Id(id.clone()),
        digest: id,
    }
}

pub(crate) fn context(dockerfile: &str) -> bytes::Bytes {
    let busybox = busybox::program();
    let mut tar = tar::Builder::new(Vec::new());
    for (name, mode, content) in
        [("Dockerfile", 0o644, dockerfile.as_bytes()), ("busybox", 0o755, &busybox)]
    {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(mode);
        tar.append_data(&mut header, name, content).unwrap();
    }
    tar.into_inner().unwrap().into()
}

#[async_trait]
impl Ground for DockerGround {
    async fn prepare() -> Self {
        let api = bollard::Docker::connect_with_local_defaults()
            .expect("no Docker Engine: run `dev/setup.sh test`, or start dockerd");
        api.ping()
            .await
            .expect("the Docker Engine does not answer: run `dev/setup.sh test`, or start dockerd");
        let unique = format!("{:08x}", rand::random::<u32>());
        let ours = format!("{unique}-ours");
        let switch = Switch::install(&ours, "/var/run/docker.sock");
        Self { theirs: format!("{unique}-theirs"), ours, api, switch }
    }

    fn engine(&self) -> Arc<dyn Scheduler> {
        Arc::new(self.driver(|_| {}))
    }

    fn neighbour(&self) -> Arc<dyn Scheduler> {
        Arc::new(self.neighbour_driver())
    }

    async fn image(&self, behaviour: Behaviour) -> PinnedImage {
        let Some(lines) = busybox::behaves(behaviour) else {
            // Port 1 of this machine: nobody listens there.
            return busybox::cannot_be_pulled("127.0.0.1:1");
        };
        by_id(self.build(None, &lines).await)
    }

    async fn kill(&self, id: &str) {
        self.api.kill_container(id, None::<KillContainerOptions>).await.unwrap();
    }

    async fn remove_by_hand(&self, id: &str) {
        let options = RemoveContainerOptionsBuilder::new().force(true).build();
        self.api.remove_container(id, Some(options)).await.unwrap();
    }

    async fn one_offs(&self) -> usize {
        let all = of_installation(&self.api, &self.ours).await;
        let role = |role: &str| role == "release" || role == "run";
        all.iter().filter(|c| c.labels.as_ref().is_some_and(|l| role(&l[labels::ROLE]))).count()
    }

    fn engine_at_risk(&self) -> Arc<dyn Scheduler> {
        Arc::new(Docker::connect(self.at_risk()).unwrap())
    }

    async fn take_away(&self) {
        self.switch.off().await;
    }

    async fn bring_back(&self) {
        self.switch.on().await;
    }

    fn many(&self) -> u16 {
        10
    }
}

pub(crate) async fn of_installation(
    api: &bollard::Docker,
    installation: &str,
) -> Vec<bollard::models::ContainerSummary> {
    let label = vec![format!("{}={installation}", labels::INSTALLATION)];
    let filters = HashMap::from([("label", label)]);
    let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
    api.list_containers(Some(options)).await.unwrap()
}

/// Everything that the test has made goes, whether it passed or failed.
impl Drop for DockerGround {
    fn drop(&mut self) {
        let installations = [self.ours.clone(), self.theirs.clone()];
        // The test's own runtime may be the one that is unwinding.
        let swept = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let sweep = async { tokio::time::timeout(PATIENCE, sweep(&installations)).await };
            runtime.block_on(sweep).expect("containers or images of the test are left");
        });
        if swept.join().is_err() && !std::thread::panicking() {
            panic!("what the test has made could not be removed");
        }
    }
}

/// A call that was dropped may still be creating something, so it looks until nothing is there.
async fn sweep(installations: &[String]) {
    let api = bollard::Docker::connect_with_local_defaults().unwrap();
    loop {
        let (mut containers, mut images, mut networks) = (Vec::new(), Vec::new(), Vec::new());
        let mut volumes = Vec::new();
        for installation in installations {
            containers.extend(of_installation(&api, installation).await);
            images.extend(images_of(&api, installation).await);
            networks.extend(networks_of(&api, installation).await);
            volumes.extend(volumes_of(&api, installation).await);
        }
        if containers.is_empty() && images.is_empty() && networks.is_empty() && volumes.is_empty() {
            break;
        }
        join_all(containers.into_iter().map(async |container| {
            let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
            let _ = api.remove_container(&container.id.unwrap(), Some(options)).await;
        }))
        .await;
        for network in networks {
            let _ = api.remove_network(&network).await;
        }
        for volume in volumes {
            let _ = api.remove_volume(&volume, None::<RemoveVolumeOptions>).await;
        }
        for image in images {
            let options = RemoveImageOptionsBuilder::new().force(true).build();
            let _ = api.remove_image(&image.id, Some(options), None).await;
        }
    }
}

/// The names of an installation's volumes.
pub(crate) async fn volumes_of(api: &bollard::Docker, installation: &str) -> Vec<String> {
    let label = vec![format!("{}={installation}", labels::INSTALLATION)];
    let filters = HashMap::from([("label", label)]);
    let options = ListVolumesOptionsBuilder::new().filters(&filters).build();
    let told = api.list_volumes(Some(options)).await.unwrap();
    told.volumes.unwrap_or_default().into_iter().map(|volume| volume.name).collect()
}

async fn networks_of(api: &bollard::Docker, installation: &str) -> Vec<String> {
    let label = vec![format!("{}={installation}", labels::INSTALLATION)];
    let filters = HashMap::from([("label", label)]);
    let options = ListNetworksOptionsBuilder::new().filters(&filters).build();
    let networks = api.list_networks(Some(options)).await.unwrap();
    networks.into_iter().filter_map(|network| network.id).collect()
}

async fn images_of(
    api: &bollard::Docker,
    installation: &str,
) -> Vec<bollard::models::ImageSummary> {
    let filters = HashMap::from([("label", vec![format!("{TEST_LABEL}={installation}")])]);
    let options = ListImagesOptionsBuilder::new().filters(&filters).build();
    api.list_images(Some(options)).await.unwrap()
}
