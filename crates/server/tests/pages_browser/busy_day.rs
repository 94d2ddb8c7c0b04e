//! An installation on a busy day, for what pages look like.

use std::time::Duration;

use jiff::SignedDuration;
use launcher_control::LaunchRequest;
use launcher_model::build::{BuildState, LogEntry, Origin, Step, StepKind, StepState};
use launcher_model::container::Container;
use launcher_model::environment::EnvironmentState;
use launcher_model::measure::{
    ContainerSample, HostReport, HostUsage, Traffic, TrafficSample, Usage,
};
use launcher_model::role::{Role, Roles};
use launcher_model::{EdgeName, PersonName, ServiceName, VersionNumber};
use launcher_scheduler::fake::Script;
use launcher_store::{BuildChange, NewBuild, NewPerson};

use crate::V1;
use crate::pages_support::{WHO, World};

/// Services in every condition, with names and words of every length.
pub(crate) async fn a_busy_day(world: &World) {
    world.set_back(SignedDuration::from_hours(9 * 24));
    let accounts = world.service("accounts", "").await;
    goes_live(world, &accounts, "2.4.0", "Rotate session keys", "sora").await;
    let documents = world.service("documents-and-attachments", "").await;
    // Launched by hand: nobody knows what its author said.
    world.ready(&documents, "2.4.0").await;
    world.deploy(&documents, V1).await;
    world.set_back(SignedDuration::from_hours(6 * 24));
    let billing = world.service("billing", "").await;
    goes_live(world, &billing, "31", "Invoice PDF fonts", "aki").await;
    let search = world.service("search", "").await;
    goes_live(world, &search, "7.1", "Pin the tokenizer", "ren").await;

    let shop = world.service("shop", "").await;
    for (days, tag, subject, author) in [
        (6, "2026-11-18", "Fix VAT rounding", "aki"),
        (4, "2026-11-20", "Gift cards", "ren"),
        (1, "2026-11-23", "Reduce the queries of the cart", "aki"),
    ] {
        world.set_back(SignedDuration::from_hours(days * 24));
        goes_live(world, &shop, tag, subject, author).await;
    }
    world.app.control.stop(&shop, V1, WHO).await.unwrap();
    world.reaches(&shop, V1, EnvironmentState::Stopped).await;
    world.app.control.pin(&shop, VersionNumber(2), true, WHO).await.unwrap();
    world.set_back(SignedDuration::from_mins(4));
    world.service("shop", "[env]\nLOG_LEVEL = \"debug\"\n").await;
    is_ready(world, &shop, "2026-11-24", "A checkout that asks for less", WHO).await;
    let secrets = "[env]\nLOG_LEVEL = \"debug\"\n[secrets]\nDATABASE_URL = \"shop/database-url\"\n";
    world.service("shop", secrets).await;
    let name = PersonName::new("an-early-bird-of-a-long-name").unwrap();
    let on_shop = (shop.clone(), Role::Deployer);
    let roles = Roles { role: Role::Viewer, services: [on_shop].into_iter().collect() };
    let bird = NewPerson { name, display_name: None, roles };
    world.app.store.add_person(bird, WHO, world.app.now()).await.unwrap();

    a_failed_build(world, &shop).await;
    world.set_back(SignedDuration::ZERO);
    let last_words = [
        "reading the index at /data/index",
        "fatal: the index has format 9, and this program reads up to 8",
    ];
    world.fails("search", "7.2", &last_words).await;
    world.script(&billing, "32", Script::new().pull_takes(Duration::from_secs(600)));
    launched(world, &billing, "32", "Retry the webhooks of cards", "jo").await;
    carry(world);
    use_hosts(world, &[accounts, documents, billing, search, shop]);
}

/// Launches an image that came out of a commit.
async fn launched(
    world: &World,
    service: &ServiceName,
    tag: &str,
    subject: &str,
    author: &str,
) -> VersionNumber {
    let request = LaunchRequest {
        image: Some(format!(":{tag}")),
        commit: Some("8f31c0a52be4".to_owned()),
        branch: Some("main".to_owned()),
        subject: Some(subject.to_owned()),
        author: Some(author.to_owned()),
        ..LaunchRequest::new(service.clone(), WHO)
    };
    world.app.control.launch(request).await.unwrap().0.number
}

async fn is_ready(
    world: &World,
    service: &ServiceName,
    tag: &str,
    subject: &str,
    author: &str,
) -> VersionNumber {
    let number = launched(world, service, tag, subject, author).await;
    world.reaches(service, number, EnvironmentState::Ready).await;
    number
}

async fn goes_live(world: &World, service: &ServiceName, tag: &str, subject: &str, author: &str) {
    let number = is_ready(world, service, tag, subject, author).await;
    world.deploy(service, number).await;
}

/// A build that has failed, with words of every length.
async fn a_failed_build(world: &World, shop: &ServiceName) {
    let new = NewBuild {
        service: shop.clone(),
        origin: Origin::Push,
        branch: Some("a-branch-of-a-name-that-is-rather-long".to_owned()),
        commit: Some("8f31c0a52be4".to_owned()),
        subject: Some("Reduce the queries of the cart, and say so".to_owned()),
        author: Some("An Early Bird of a Long Name".to_owned()),
        by: WHO.to_owned(),
    };
    let (store, now) = (&world.app.store, world.app.now());
    let id = store.queue_build(new, now).await.unwrap().build.id;
    let step = |kind, state, note: &str| Step {
        kind,
        state,
        started_at: now,
        finished_at: Some(now),
        note: Some(note.to_owned()),
    };
    let change = BuildChange {
        state: Some(BuildState::Failed),
        steps: Some(vec![
            step(StepKind::Source, StepState::Passed, "8f31c0a Reduce the queries of the cart"),
            step(StepKind::Build, StepState::Failed, "the command ended with status 101"),
        ]),
        reason: Some("build failed: the command ended with status 101".to_owned()),
        ..BuildChange::default()
    };
    store.change_build(id, change, &[], now).await.unwrap();
    let folder = world.folder().join("builds").join(id.to_string());
    std::fs::create_dir_all(&folder).unwrap();
    let text = "error[E0308]: mismatched types, in a line that is as long as such lines often are, and then some more";
    let line = LogEntry::Line { at: now, step: StepKind::Build, text: text.to_owned() };
    let line = serde_json::to_string(&line).unwrap() + "\n";
    std::fs::write(folder.join("log"), line.repeat(40)).unwrap();
}

/// What an edge has told of the last five minutes.
pub(crate) fn carry(world: &World) {
    let now = world.app.now().as_second();
    let edge = EdgeName::new("told").unwrap();
    for at in now - 310..now {
        // Some unrest, the same in every picture.
        let wave = |n: u64, most: u64| at.unsigned_abs().wrapping_mul(n * 7919 + 31) % (most + 1);
        let sample = |name: &str, version: u32, requests: u64, errors: u64, us: u64| {
            let requests = [0, requests + wave(version.into(), requests / 4), 0, 0, errors];
            let mut traffic = Traffic { requests, ..Traffic::default() };
            (0..traffic.answered()).for_each(|n| traffic.latency.record(us / 3 + us * n / 200));
            let service = ServiceName::new(name).unwrap();
            TrafficSample { service, version: VersionNumber(version), traffic }
        };
        let bad = if at > now - 80 { 3 } else { 0 };
        let samples = vec![
            sample("accounts", 1, 91, wave(3, 50) / 50, 21_000),
            sample("documents-and-attachments", 1, 4, 0, 6_000),
            sample("billing", 1, 26, 0, 64_000),
            sample("search", 1, 176, bad, 70_000),
            sample("shop", 3, 418, wave(5, 9) / 9, 19_000),
            sample("shop", 4, 6, 0, 17_000),
        ];
        world.app.telemetry.gathered().traffic(&edge, at, samples);
    }
}

/// What the host has told of the last five minutes, of itself and of what runs on it.
fn use_hosts(world: &World, services: &[ServiceName]) {
    let all = services.iter().flat_map(|service| world.app.control.observed(service));
    let all: Vec<_> = all.map(|one| one.container).filter(|one| one.is_running()).collect();
    let now = world.app.now().as_second();
    for at in (now - 310..now).step_by(5) {
        let wave = |n: u64| at.unsigned_abs().wrapping_mul(n * 7919 + 31) % 100;
        let sample = |container: &Container| {
            let n = u64::from(container.version.0) + u64::from(container.slot);
            let memory = (170 + 4 * n + wave(n) / 20) << 20;
            let usage = Usage {
                containers: 1,
                cpu_us: 600_000 + 4_000 * wave(n),
                memory,
                ..Usage::default()
            };
            let Container { id, service, version, .. } = container.clone();
            ContainerSample { container: id, service, version, usage }
        };
        let usage = HostUsage {
            cpus: 16,
            cpu_us: 30_000_000 + 100_000 * wave(1),
            memory: (11 << 30) + (wave(2) << 22),
            memory_total: 32 << 30,
            received: 40_000_000 + 90_000 * wave(3),
            sent: 110_000_000 + 300_000 * wave(4),
            read: 200_000 * wave(5),
            written: 1_000_000 + 50_000 * wave(6),
        };
        let containers = all.iter().map(sample).collect();
        let report = HostReport { host: "fake".to_owned(), at, containers, usage };
        world.app.telemetry.gathered().host(report);
    }
}
