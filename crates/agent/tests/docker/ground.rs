//! Containers that look like those of an installation, and a sampler that follows them.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bollard::models::ContainerStatsResponse;
use jiff::Timestamp;
use launcher_agent::Sampler;
use launcher_model::measure::{HostReport, Usage};
use launcher_scheduler::docker::residents::Residents;
use launcher_testkit::Folder;

const ENGINE: &str = "unix:///var/run/docker.sock";
/// How long something may take that takes a moment.
const SOON: Duration = Duration::from_secs(30);

/// Runs a command that must succeed, and returns what it prints.
pub(crate) fn done(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Runs `docker` with these arguments.
pub(crate) fn docker<'a>(arguments: impl IntoIterator<Item = &'a str>) -> String {
    done(Command::new("docker").args(arguments))
}

/// The disk that the engine's containers write to.
pub(crate) fn engine_disk() -> String {
    let folder = docker(["info", "-f", "{{.DockerRootDir}}"]);
    let disk = |column: &str, of: &str| done(Command::new("lsblk").args(["-dno", column, of]));
    let source = done(Command::new("findmnt").args(["-vno", "SOURCE", "--target", &folder]));
    match disk("PKNAME", &source).as_str() {
        "" => source,
        parent => format!("/dev/{parent}"),
    }
}

/// An image with busybox, and an installation of its own.
pub(crate) struct Ground {
    image: String,
    installation: String,
    pub(crate) residents: Residents,
}

impl Ground {
    pub(crate) fn new() -> Self {
        let installation = format!("agent-{:x}-{:x}", std::process::id(), rand());
        let image = format!("launcher-test-{installation}:1");
        let folder = Folder::new();
        let root = folder.path();
        std::fs::create_dir(root.join("bin")).unwrap();
        std::fs::create_dir(root.join("data")).unwrap();
        let busybox = done(Command::new("sh").args(["-c", "command -v busybox"]));
        std::fs::copy(busybox, root.join("bin/busybox")).unwrap();
        for name in ["sh", "dd", "sleep", "nc"] {
            std::os::unix::fs::symlink("busybox", root.join("bin").join(name)).unwrap();
        }
        let archive = folder.path().with_extension("tar");
        let tar = ["-C", root.to_str().unwrap(), "-cf", archive.to_str().unwrap(), "."];
        done(Command::new("tar").args(tar));
        let label = ["-c", "LABEL launcher.test=1", archive.to_str().unwrap(), &image];
        docker(["import"].into_iter().chain(label));
        std::fs::remove_file(archive).unwrap();
        Self { image, installation, residents: Residents::at(ENGINE).unwrap() }
    }

    /// Starts a container of version 7 of the shop.
    pub(crate) fn run(&self, options: &[&str], command: &[&str]) -> Container {
        let installation = format!("launcher.installation={}", self.installation);
        let labels =
            [&installation, "launcher.service=shop", "launcher.version=7", "launcher.role=serve"];
        let labels = labels.into_iter().flat_map(|label| ["--label", label]);
        let arguments = ["run", "-d"].into_iter().chain(labels).chain(options.iter().copied());
        let arguments = arguments.chain([self.image.as_str()]).chain(command.iter().copied());
        Container { id: docker(arguments) }
    }

    /// Follows the engine's containers.
    pub(crate) async fn sampler(&self) -> Sampler {
        let machine = self.residents.machine().await.unwrap();
        Sampler::start(self.residents.clone(), &machine, None)
    }

    /// The next sample of our containers, as a server is told.
    pub(crate) async fn sample(&self, sampler: &mut Sampler) -> HostReport {
        let sample = loop {
            if let Some(sample) = sampler.sample().await.unwrap() {
                break sample;
            }
        };
        sample.report("here", Timestamp::now().as_second(), &self.installation)
    }

    /// Samples until all of these are among them.
    pub(crate) async fn until_seen(&self, sampler: &mut Sampler, containers: &[&Container]) {
        let deadline = Instant::now() + SOON;
        loop {
            let report = self.sample(sampler).await;
            let seen =
                |one: &&Container| report.containers.iter().any(|seen| seen.container == one.id);
            if containers.iter().all(seen) {
                return;
            }
            assert!(Instant::now() < deadline, "they are not seen: {report:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What the engine itself has counted of a container.
    pub(crate) async fn engine_says(&self, container: &Container) -> ContainerStatsResponse {
        self.residents.figures(&container.id).await.unwrap().unwrap()
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        let _ = Command::new("docker").args(["rmi", "-f", &self.image]).output();
    }
}

/// A container. It is removed when this is dropped.
pub(crate) struct Container {
    pub(crate) id: String,
}

impl Container {
    /// Runs a command in it to its end.
    pub(crate) fn exec(&self, command: &str) {
        docker(["exec", &self.id, "sh", "-c", command]);
    }

    /// Its address.
    pub(crate) fn address(&self) -> String {
        docker(["inspect", "-f", "{{.NetworkSettings.IPAddress}}", &self.id])
    }

    /// Its figures in a report.
    pub(crate) fn usage_in(&self, report: &HostReport) -> Usage {
        let own = report.containers.iter().find(|one| one.container == self.id);
        own.unwrap_or_else(|| panic!("{} is not in {report:?}", self.id)).usage.clone()
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = Command::new("docker").args(["rm", "-f", "-v", &self.id]).output();
    }
}

fn rand() -> u128 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos()
}

/// Asks again and again until there is an answer.
pub(crate) async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + SOON;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "{what} did not happen in time");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
