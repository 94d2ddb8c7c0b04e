use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use bollard::models::ContainerStatsResponse;

use crate::ground::{Ground, docker, engine_disk, until};

const MIB: u64 = 1 << 20;

fn cpu_us(told: &ContainerStatsResponse) -> u64 {
    let cpu = told.cpu_stats.as_ref().unwrap();
    cpu.cpu_usage.as_ref().unwrap().total_usage.unwrap() / 1000
}

fn throttled_us(told: &ContainerStatsResponse) -> u64 {
    let cpu = told.cpu_stats.as_ref().unwrap();
    cpu.throttling_data.as_ref().unwrap().throttled_time.unwrap() / 1000
}

fn written(told: &ContainerStatsResponse) -> u64 {
    let entries = told.blkio_stats.as_ref().unwrap().io_service_bytes_recursive.clone();
    let entries = entries.unwrap_or_default();
    let writes =
        entries.iter().filter(|one| one.op.as_ref().unwrap().eq_ignore_ascii_case("write"));
    writes.map(|one| one.value.unwrap()).sum()
}

fn received(told: &ContainerStatsResponse) -> u64 {
    told.networks.as_ref().unwrap().values().map(|network| network.rx_bytes.unwrap()).sum()
}

/// What was measured between two samples lies between what the engine says that was used from after the first
/// to before the second, and from before the first to after the second.
#[track_caller]
fn lies_between(
    what: &str,
    measured: u64,
    engine: &[ContainerStatsResponse; 4],
    figure: fn(&ContainerStatsResponse) -> u64,
) {
    let [before_first, after_first, before_second, after_second] = engine.each_ref().map(figure);
    let (least, most) = (before_second - after_first, after_second - before_first);
    // The engine rounds to other units than the kernel does.
    let least = least.saturating_sub(2);
    assert!(measured >= least && measured <= most + 2, "{what}: {measured} of {least} to {most}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_processor_time_is_what_the_engine_counts_and_no_more_than_the_limit() {
    let ground = Ground::new();
    let busy = ground.run(&["--cpus", "0.5"], &["sh", "-c", "while :; do :; done"]);
    let idle = ground.run(&[], &["sleep", "1000"]);
    let mut sampler = ground.sampler().await;
    ground.until_seen(&mut sampler, &[&busy, &idle]).await;
    let before_first = ground.engine_says(&busy).await;
    ground.sample(&mut sampler).await;
    let begun = Instant::now();
    let after_first = ground.engine_says(&busy).await;
    // It is what is used in some seconds that is measured.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let before_second = ground.engine_says(&busy).await;
    let report = ground.sample(&mut sampler).await;
    let took = begun.elapsed().as_micros() as u64;
    let after_second = ground.engine_says(&busy).await;

    let usage = busy.usage_in(&report);
    let engine = [before_first, after_first, before_second, after_second];
    lies_between("processor time", usage.cpu_us, &engine, cpu_us);
    lies_between("held back", usage.throttled_us, &engine, throttled_us);
    // Half a processor, or less where the machine has other things to do.
    assert!(usage.cpu_us <= took * 55 / 100, "{usage:?} in {took} µs");
    assert!(usage.cpu_us >= took / 10 && usage.throttled_us > 0, "{usage:?} in {took} µs");
    let other = idle.usage_in(&report);
    assert!(other.cpu_us < took / 50, "{other:?}");
    assert_eq!((usage.containers, usage.restarts, usage.oom_kills), (1, 0, 0));
    // The host has used what the container has, and whatever else ran.
    assert!(report.usage.cpu_us >= usage.cpu_us * 9 / 10, "{report:?}");
    assert!(report.usage.cpu_us <= took * u64::from(report.usage.cpus) * 11 / 10, "{report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_memory_disks_and_network_are_measured_to_the_byte_or_nearly() {
    let ground = Ground::new();
    // Kernels from 6.10 on count what goes to disks in groups of version 1 only where there is a limit for it.
    let limit = format!("{}:1gb", engine_disk());
    let options = ["--memory", "128m", "--shm-size", "64m", "--device-write-bps", &limit];
    let shop = ground.run(&options, &["sh", "-c", "nc -l -p 9000 >/dev/null; sleep 1000"]);
    let mut sampler = ground.sampler().await;
    ground.until_seen(&mut sampler, &[&shop]).await;
    let before_first = ground.engine_says(&shop).await;
    let empty = shop.usage_in(&ground.sample(&mut sampler).await);
    let after_first = ground.engine_says(&shop).await;

    shop.exec("dd if=/dev/zero of=/dev/shm/kept bs=1M count=48");
    shop.exec("dd if=/dev/zero of=/data/written bs=1M count=20 conv=fsync");
    let mut connection =
        until("a connection", async || TcpStream::connect((shop.address(), 9000)).ok()).await;
    connection.write_all(&vec![7; 10 * MIB as usize]).unwrap();
    drop(connection);
    until("all that was sent", async || {
        (received(&ground.engine_says(&shop).await) >= 10 * MIB).then_some(())
    })
    .await;

    let before_second = ground.engine_says(&shop).await;
    let report = ground.sample(&mut sampler).await;
    let after_second = ground.engine_says(&shop).await;
    let usage = shop.usage_in(&report);
    let engine = [before_first, after_first, before_second, after_second];
    lies_between("received", usage.received, &engine, received);
    lies_between("written", usage.written, &engine, written);
    assert!((10 * MIB..12 * MIB).contains(&usage.received), "{usage:?}");
    assert!((20 * MIB..30 * MIB).contains(&usage.written), "{usage:?}");
    assert!(usage.sent > 0 && usage.sent < MIB, "only acknowledgements went back: {usage:?}");
    assert!((48 * MIB..64 * MIB).contains(&(usage.memory - empty.memory)), "{empty:?} {usage:?}");
    assert_eq!(usage.memory_limit, 128 * MIB);
    // What `docker stats` shows to people, who will compare.
    let shown = docker(["stats", "--no-stream", "--format", "{{.MemUsage}}", &shop.id]);
    let (used, limit) = shown.split_once(" / ").unwrap();
    assert_eq!(limit, "128MiB");
    let used: f64 = used.strip_suffix("MiB").unwrap().parse().unwrap();
    assert!((used - usage.memory as f64 / MIB as f64).abs() < 2.0, "{shown} and {usage:?}");
}
