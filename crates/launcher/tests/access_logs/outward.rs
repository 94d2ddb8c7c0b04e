//! Out of edges.

use std::collections::BTreeSet;

use launcher_testkit::installation::free_port;
use launcher_testkit::wait::{SOON, until, until_ok};
use serde_json::json;

use crate::fluentd::{Collector, Node, text};
use crate::ground::{HOST, Shop};

fn expected(range: std::ops::Range<usize>) -> BTreeSet<String> {
    range.map(|n| format!("/?n={n}")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_nothing_of_the_log_is_lost_while_fluentd_comes_and_goes() {
    let address = free_port();
    let shop = Shop::open(&format!("[access_log]\nfluentd = [\"{address}\"]\n")).await;
    // Nobody is there yet.
    for n in 0..100 {
        shop.get(&format!("/?n={n}")).await;
    }
    let collector = Collector::at(address, true).await;
    for n in 100..200 {
        shop.get(&format!("/?n={n}")).await;
    }
    let whole = expected(0..200);
    until_ok("all records", SOON, || async {
        let missing = whole.difference(&collector.paths()).count();
        if missing == 0 { Ok(()) } else { Err(format!("{missing} are missing")) }
    })
    .await;
    assert!(collector.refused.load(std::sync::atomic::Ordering::SeqCst) > 0);
    let (container, _) = shop.container().await;
    for record in collector.records() {
        assert_eq!(&*record.tag, "launcher.access");
        for (field, value) in [
            ("edge", "local"),
            ("service", "shop"),
            ("container_id", &container[..12]),
            ("traffic", "production"),
            ("client", "127.0.0.1"),
            ("method", "GET"),
            ("host", HOST),
            ("protocol", "HTTP/1.1"),
            ("referer", "http://elsewhere.test/?a=b"),
            ("user_agent", "test/1.0"),
            ("end", "whole"),
        ] {
            assert_eq!(text(&record, field), value, "{field}");
        }
        let number = |field: &str| record.get(field).and_then(rmpv::Value::as_u64);
        assert_eq!((number("version"), number("status")), (Some(1), Some(200)));
        assert_eq!((number("bytes_received"), number("sent_again")), (Some(0), Some(0)));
        assert!(number("bytes_sent") > Some(0) && number("head_us") <= number("duration_us"));
        assert!(number("time_us").unwrap() / 1_000_000 == u64::from(record.time.seconds));
    }

    // It goes, and comes back while an edge has taken over from the one that has the buffer.
    let came = collector.stop().await;
    for n in 200..250 {
        shop.get(&format!("/?n={n}")).await;
    }
    shop.installation.killer().replace();
    until("another edge taking over", SOON, || async {
        shop.installation.log().contains("took over from the edge").then_some(())
    })
    .await;
    for n in 250..300 {
        shop.get(&format!("/?n={n}")).await;
    }
    let collector = Collector::at(address, false).await;
    let whole = expected(0..300);
    until_ok("all records", SOON, || async {
        let all: BTreeSet<_> = came.union(&collector.paths()).cloned().collect();
        let missing: Vec<_> = whole.difference(&all).collect();
        if missing.is_empty() { Ok(()) } else { Err(format!("{missing:?} are missing")) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_a_server_for_node_gets_the_log_when_it_is_known() {
    let options = json!({
        "security": { "serverHostname": "node", "sharedKey": "the key", "authorize": true,
            "userDict": { "ann": "sesame" } },
    });
    let mut node = Node::start(&options).await;
    let files = launcher_testkit::Folder::new();
    let (key, password) = (files.path().join("key"), files.path().join("password"));
    std::fs::write(&key, "the key\n").unwrap();
    std::fs::write(&password, "sesame\n").unwrap();
    let shop = Shop::open(&format!(
        "[access_log]\nfluentd = [\"127.0.0.1:{}\"]\ntag = \"edge.log\"\nshared_key_file = {key:?}\n\
         username = \"ann\"\npassword_file = {password:?}\nquery = false\n",
        node.port
    ))
    .await;
    shop.get("/version?token=secret").await;
    let record = node.next().await;
    assert_eq!(record["tag"], "edge.log");
    assert!(
        record["seconds"].as_u64() > Some(1_700_000_000) && record["nanos"].is_u64(),
        "{record}"
    );
    let fields = &record["record"];
    for (field, value) in [
        ("edge", json!("local")),
        ("service", json!("shop")),
        ("version", json!(1)),
        ("path", json!("/version")),
        ("status", json!(200)),
        ("referer", json!("http://elsewhere.test/")),
        ("end", json!("whole")),
    ] {
        assert_eq!(fields[field], value, "{field} of {record}");
    }
    assert!(!record.to_string().contains("secret"));
}

/// The paths that lines of a file in the combined format tell of.
fn told(file: &std::path::Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().map(|line| line.split(' ').nth(6).expect("a path").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_a_log_in_a_file_loses_nothing_when_it_is_rotated_and_edges_follow_each_other() {
    let folder = launcher_testkit::Folder::new();
    let (path, before) = (folder.path().join("access.log"), folder.path().join("access.log.1"));
    let format = "format = \"combined\"\nquery = true\n";
    let shop = Shop::open(&format!("[access_log]\npath = {path:?}\n{format}")).await;
    for n in 0..50 {
        shop.get(&format!("/?n={n}")).await;
    }
    std::fs::rename(&path, &before).unwrap();
    for n in 50..100 {
        shop.get(&format!("/?n={n}")).await;
    }
    shop.installation.killer().replace();
    until("another edge taking over", SOON, || async {
        shop.installation.log().contains("took over from the edge").then_some(())
    })
    .await;
    for n in 100..150 {
        shop.get(&format!("/?n={n}")).await;
    }
    let whole = expected(0..150);
    until_ok("all lines", SOON, || async {
        let lines = [told(&before), told(&path)].concat();
        let come: BTreeSet<String> = lines.iter().cloned().collect();
        let missing = whole.difference(&come).count();
        if missing > 0 {
            return Err(format!("{missing} are missing"));
        }
        if lines.len() == whole.len() { Ok(()) } else { Err(format!("{} lines", lines.len())) }
    })
    .await;
    let text = std::fs::read_to_string(&path).unwrap();
    for said in ["\" 200 ", " service=shop version=v1 container=", " end=whole", "\"test/1.0\""] {
        assert!(text.lines().all(|line| line.contains(said)), "{said}: {text}");
    }
}
