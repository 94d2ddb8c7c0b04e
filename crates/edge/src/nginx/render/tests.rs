use std::collections::BTreeMap;

use launcher_model::service::{Health, Traffic};
use launcher_model::{Generation, ServiceName, VersionNumber, Weight};

use super::*;
use crate::table::{Pool, Rules, ServiceTable};

fn frame() -> Frame {
    Frame {
        http: vec!["0.0.0.0:80".parse().unwrap(), "[::]:80".parse().unwrap()],
        internal: "127.0.0.1:7072".parse().unwrap(),
        access_log: "/var/lib/launcher-edge/nginx-access.log".into(),
        passed: "/etc/nginx/rocket-launcher/passed".into(),
        logins: "/etc/nginx/rocket-launcher/logins".into(),
    }
}

fn shop(weights: &[(u32, u8)], pools: &[(u32, &[&str])]) -> ServiceTable {
    let pool = |addresses: &[&str]| Pool {
        health: Health::default(),
        endpoints: addresses.iter().map(|at| (format!("id-{at}"), at.parse().unwrap())).collect(),
        ..Pool::default()
    };
    ServiceTable {
        name: ServiceName::new("my-shop").unwrap(),
        hosts: vec!["shop.example.com".into(), "www.example.com".into()],
        revision: 1,
        generation: Generation(1),
        weights: weights
            .iter()
            .map(|(version, weight)| (VersionNumber(*version), Weight::new(*weight).unwrap()))
            .collect(),
        pools: pools.iter().map(|(version, at)| (VersionNumber(*version), pool(at))).collect(),
        traffic: Traffic::default(),
        rules: Rules::default(),
    }
}

fn rendered(table: &ServiceTable) -> String {
    service(table, Settings { frame: &frame(), preview_domain: "preview.test" }).unwrap()
}

/// The lines of a text that hold one of these.
fn lines_with(text: &str, parts: &[&str]) -> String {
    let lines = text.lines().filter(|line| parts.iter().any(|part| line.contains(part)));
    lines.map(str::trim).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_service_with_one_live_version() {
    insta::assert_snapshot!(rendered(&shop(
        &[(42, 100)],
        &[(42, &["10.0.0.1:8080", "[fd00::1]:8080"]), (43, &[])],
    )));
}

#[test]
fn a_service_whose_traffic_is_split() {
    let pools: &[(u32, &[&str])] = &[(1, &["10.0.0.1:80"]), (2, &["10.0.0.2:80"]), (3, &[])];
    let text = rendered(&shop(&[(1, 70), (2, 25), (3, 5)], pools));
    let parts =
        ["split_clients", "% ", "* ", "set $launcher_version", "($launcher_version", "proxy_pass"];
    insta::assert_snapshot!(lines_with(&text, &parts));
}

#[test]
fn a_service_of_which_nothing_is_live() {
    let text = rendered(&shop(&[], &[(1, &["10.0.0.1:80"])]));
    insta::assert_snapshot!(lines_with(&text, &["server_name", "return 503", "proxy_pass"]));
}

#[test]
fn what_all_services_share() {
    let mut rendered = Rendered::new(&frame(), &BTreeMap::new());
    let text = rendered.files.remove(SHARED).unwrap().replace(&rendered.stamp, "STAMP");
    assert!(rendered.files.is_empty());
    insta::assert_snapshot!(text);
}

#[test]
fn the_stamp_is_that_of_everything() {
    let name = |name: &str| ServiceName::new(name).unwrap();
    let of = |services: &[(&str, &str)]| {
        let services = services.iter().map(|(of, text)| (name(of), (*text).to_owned()));
        Rendered::new(&frame(), &services.collect()).stamp
    };
    let stamps = [
        of(&[]),
        of(&[("a", "x")]),
        of(&[("a", "y")]),
        of(&[("b", "x")]),
        of(&[("a", "x"), ("b", "x")]),
    ];
    for (n, stamp) in stamps.iter().enumerate() {
        assert!(!stamps[..n].contains(stamp), "{stamps:?}");
    }
    assert_eq!(of(&[("a", "x")]), of(&[("a", "x")]));
    let other = Frame { http: vec!["0.0.0.0:81".parse().unwrap()], ..frame() };
    assert_ne!(Rendered::new(&other, &BTreeMap::new()).stamp, of(&[]));
}

#[test]
fn what_nginx_would_not_notice_changes_no_text() {
    let table = shop(&[(1, 100)], &[(1, &["10.0.0.1:80"])]);
    let mut same = table.clone();
    (same.revision, same.generation) = (9, Generation(9));
    let pool = same.pools.values_mut().next().unwrap();
    pool.endpoints = pool.endpoints.values().map(|at| ("another id".into(), *at)).collect();
    pool.health.path = Some("/other\"; } http {".into());
    assert_eq!(rendered(&same), rendered(&table));
}

#[test]
fn no_name_brings_anything_in_but_a_name() {
    let table = shop(&[(1, 100)], &[(1, &["10.0.0.1:80"])]);
    for host in [
        "", "a b", "a;", "a{", "a}", "a\"b", "a'b", "$host", "~^a", "a\nb", "*.a", "a/b", "a#",
        "a..",
    ] {
        let mut bad = table.clone();
        bad.hosts.push(host.to_owned());
        let settings = Settings { frame: &frame(), preview_domain: "preview.test" };
        let refused = service(&bad, settings).unwrap_err().to_string();
        assert!(refused.contains("is not a hostname"), "{host:?}: {refused}");
        if !host.is_empty() {
            let settings = Settings { frame: &frame(), preview_domain: host };
            assert!(service(&table, settings).is_err(), "{host:?}");
        }
    }
}
