//! A push of 200 MB.

use launcher_testkit::Checkout;
use rand::RngExt;

use crate::shop::Shop;

/// What does not compress, so that as much goes over the wire and into the engine.
fn noise(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    rand::rng().fill(&mut bytes[..]);
    bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_a_push_of_200_mb_passes_through_little_memory() {
    let shop = Shop::open().await;
    let checkout = Checkout::web("shop", "large");
    for part in 0..4 {
        checkout.write(&format!("www/part-{part}"), &noise(50_000_000));
    }
    checkout.commit("Much");
    let pid = shop.installation.server_pid().unwrap();
    let _ = checkout.push(&[&shop.remote, "main"]).taken();
    assert_eq!(shop.ended().await["state"], "passed");
    assert_eq!(shop.page(1).await.as_deref(), Some("large"));
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 200 << 10, "the server took {} MiB at most", peak >> 10);
}
