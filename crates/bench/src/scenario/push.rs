//! How long it takes from a push until the version is ready, beside the same by hand.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use launcher_testkit::engine::TEST_LABEL;
use launcher_testkit::{Api, Checkout, Engine, Installation, Registry};
use serde_json::json;
use tokio::process::Command;

use crate::Settings;
use crate::report::{Better, Figure};
use crate::rounds::compare;

/// How often it is looked whether a container that was started by hand answers.
const LOOK: Duration = Duration::from_millis(5);

/// A push that finds its layers in the cache, and one that finds none; in turns with `docker build`, the
/// test, `docker push` and `docker run` by hand.
pub(super) async fn measure(settings: &Settings) -> Result<Vec<Figure>> {
    let rounds = if settings.quick { 2 } else { 7 };
    let bench = Bench::open(settings).await?;
    let mut figures = Vec::new();
    for (name, cold) in [("push_to_ready_warm", false), ("push_to_ready_cold", true)] {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        // The first round fills the caches and is not counted.
        for round in 0..=rounds {
            let (push, hand) = if round % 2 == 0 {
                let push = bench.push(round, cold).await?;
                (push, bench.by_hand(round, cold).await?)
            } else {
                let hand = bench.by_hand(round, cold).await?;
                (bench.push(round, cold).await?, hand)
            };
            if round > 0 {
                eprintln!("  {name}, round {round} of {rounds}: {push:.3} s, by hand {hand:.3} s");
                ours.push(push);
                theirs.push(hand);
            }
        }
        let (ours, theirs, ratio) = compare(&ours, &theirs);
        let figure = Figure::new(name, "s", Better::Lower, ours);
        figures.push(figure.beside("by hand", theirs, ratio));
    }
    bench.forget().await?;
    Ok(figures)
}

struct Bench {
    engine: Engine,
    installation: Installation,
    _api: Api,
    registry: Registry,
    /// What is pushed, and what is built by hand: the same application in two folders, so that neither
    /// finds the other's layers.
    pushed: Checkout,
    built: Checkout,
}

const HAND: &str = "by-hand";

impl Bench {
    async fn open(settings: &Settings) -> Result<Self> {
        let engine = Engine::local();
        let registry = Registry::open().await;
        let mut installation = Installation::new(&settings.program, &engine);
        let api = installation.start().await;
        api.put_service(json!({ "service": {
            "name": "shop", "port": 8080, "build": ".", "image": registry.name("shop"),
        }}))
        .await;
        let (pushed, built) = (application("pushed"), application("built"));
        let image = format!("image = \"{}\"", registry.name("shop"));
        let text = launcher_testkit::checkout::settings("shop")
            .replace("build = \".\"", &format!("build = \".\"\n{image}"));
        let test = "[test]\ncommand = [\"/bin/busybox\", \"true\"]\n";
        pushed.write("launcher.toml", (text + test).as_bytes());
        pushed.commit("Test it");
        Ok(Self { engine, installation, _api: api, registry, pushed, built })
    }

    /// Changes the page, and for a cold build what stands before all else.
    fn change(checkout: &Checkout, round: usize, cold: bool) {
        checkout.write("www/index.html", format!("page {round} {cold}").as_bytes());
        if cold {
            checkout.write("seed", format!("{:016x}", rand::random::<u64>()).as_bytes());
        }
    }

    /// Seconds from the push until git says that the version is ready.
    async fn push(&self, round: usize, cold: bool) -> Result<f64> {
        Self::change(&self.pushed, round, cold);
        self.pushed.commit("Change it");
        let remote = self.installation.remote("shop");
        let began = Instant::now();
        let told = self.pushed.push(&[&remote, "main"]).taken();
        let took = began.elapsed();
        if !told.contains("is ready: http") {
            bail!("the push did not become a version:\n{told}");
        }
        Ok(took.as_secs_f64())
    }

    /// Seconds that the same takes by hand: build, test, push, run, and wait until it answers.
    async fn by_hand(&self, round: usize, cold: bool) -> Result<f64> {
        Self::change(&self.built, round, cold);
        let name = format!("{}:{round}-{cold}", self.registry.name(HAND));
        let folder = self.built.path().to_string_lossy().into_owned();
        let began = Instant::now();
        self.docker(&["build", "--quiet", "--tag", &name, &folder]).await?;
        self.docker(&["run", "--rm", "--label", TEST_LABEL, &name, "/bin/busybox", "true"]).await?;
        self.docker(&["push", "--quiet", &name]).await?;
        let container = self.docker(&["run", "--detach", "--label", TEST_LABEL, &name]).await?;
        let address = ["inspect", "--format", "{{.NetworkSettings.IPAddress}}", &container];
        let address = self.docker(&address).await?;
        while reqwest::get(format!("http://{address}:8080/")).await.is_err() {
            tokio::time::sleep(LOOK).await;
        }
        let took = began.elapsed();
        self.engine.remove(&container).await;
        Ok(took.as_secs_f64())
    }

    /// Removes what was built by hand. Not before the end: with an image its layers go, and a build that
    /// came later would find none of them in the cache.
    async fn forget(&self) -> Result<()> {
        let repository = self.registry.name(HAND);
        let found = self.docker(&["images", "--quiet", &repository]).await?;
        let found: BTreeSet<&str> = found.lines().collect();
        for image in found {
            self.docker(&["rmi", "--force", image]).await?;
        }
        Ok(())
    }

    async fn docker(&self, arguments: &[&str]) -> Result<String> {
        let output = Command::new("docker")
            .args(["--host", self.engine.host()])
            .args(arguments)
            .output()
            .await
            .context("cannot run docker; dev/setup.sh bench installs it")?;
        if !output.status.success() {
            bail!("docker {arguments:?} failed: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}

/// A small application whose image takes some work to build: a step that computes stands between what
/// changes seldom and what changes with each push.
fn application(page: &str) -> Checkout {
    let checkout = Checkout::web("shop", page);
    checkout.write("seed", page.as_bytes());
    let serve = "trap 'exit 0' TERM; busybox httpd -p 8080 -h /www; \
        while :; do busybox sleep 1000 & wait; done";
    let dockerfile = format!(
        "FROM scratch\nLABEL {TEST_LABEL}\nCOPY busybox /bin/busybox\nCOPY seed /seed\n\
         RUN [\"/bin/busybox\", \"sh\", \"-c\", \"i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done\"]\n\
         COPY www /www\nCMD [\"/bin/busybox\", \"sh\", \"-c\", {serve:?}]\n"
    );
    checkout.write("Dockerfile", dockerfile.as_bytes());
    checkout.commit("Compute something");
    checkout
}
