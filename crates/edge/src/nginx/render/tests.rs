use std::collections::BTreeMap;

use launcher_model::service::{Health, PathTarget, Redirect, Traffic};
use launcher_model::{Generation, ServiceName, VersionNumber, Weight};

use super::*;
use crate::table::{Login, Maintenance, Passes, Pool, Rules, ServiceTable};

fn frame() -> Frame {
    Frame {
        http: vec!["0.0.0.0:80".parse().unwrap(), "[::]:80".parse().unwrap()],
        internal: "127.0.0.1:7072".parse().unwrap(),
        access_log: "/var/lib/launcher-edge/nginx-access.log".into(),
        passed: "/etc/nginx/rocket-launcher/passed".into(),
        logins: "/etc/nginx/rocket-launcher/logins".into(),
        waiting: "/etc/nginx/rocket-launcher/waiting.sock".into(),
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
        branches: Default::default(),
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
fn containers_that_speak_http_2_are_refused() {
    let mut table = shop(&[(1, 100)], &[(1, &["10.0.0.1:80"]), (2, &["10.0.0.2:80"])]);
    let pool = table.pools.get_mut(&VersionNumber(2)).unwrap();
    pool.protocol = launcher_model::service::Protocol::H2c;
    let settings = Settings { frame: &frame(), preview_domain: "preview.test" };
    assert_eq!(
        service(&table, settings).unwrap_err().to_string(),
        "service my-shop cannot be served by nginx: the protocol of \"v2\" is h2c, which nginx is not told of; \
         the built-in edge speaks it with containers"
    );
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

/// With a pass for each version of each kind.
fn with_passes(mut table: ServiceTable) -> ServiceTable {
    for (version, pool) in &mut table.pools {
        let n = version.0;
        pool.passes = Passes { sticky: format!("v{n}.s-_{n}"), trial: format!("v{n}.t-_{n}") };
    }
    table
}

#[test]
fn versions_that_users_stay_on_and_try() {
    let pools: &[(u32, &[&str])] = &[(1, &["10.0.0.1:80"]), (2, &["10.0.0.2:80"]), (3, &[])];
    let text = rendered(&with_passes(shop(&[(1, 90), (2, 10)], pools)));
    let (variables, _) = text.split_once("\nserver {").unwrap();
    insta::assert_snapshot!(variables.split_once("\nsplit_clients").unwrap().1);
    let parts = ["set $launcher_", "add_header Set", "($launcher_"];
    let production = text.split_once("server_name shop.").unwrap().1;
    insta::assert_snapshot!(lines_with(production.split_once("\nserver {").unwrap().0, &parts));
}

fn with_every_rule() -> ServiceTable {
    let mut table = with_passes(shop(&[(1, 100)], &[(1, &["10.0.0.1:80"])]));
    let path = |name: &str, strip| PathTarget { service: ServiceName::new(name).unwrap(), strip };
    let redirect = |host: Option<&str>, from: &str, to: &str, status| Redirect {
        host: host.map(str::to_owned),
        from: from.into(),
        to: to.into(),
        status,
    };
    table.traffic.max_body = Some(launcher_model::Bytes(10 << 20));
    table.rules.paths =
        [("/api".into(), path("api", false)), ("/api/img".into(), path("img", true))].into();
    table.rules.redirects = vec![
        redirect(Some("www.example.com"), "/*", "https://shop.example.com/*", 301),
        redirect(None, "/old", "/new?a", 308),
        redirect(None, "/all/*", "/*", 308),
    ];
    let headers = &mut table.rules.headers;
    headers.request.set.insert("X-Price".into(), "5 $ \"net\"".into());
    headers.request.remove.push("X-Debug".into());
    headers.response.set.insert("X-Frame-Options".into(), "DENY".into());
    headers.response.remove.push("Server".into());
    table.rules.preview_logins =
        Some(vec![Login { user: "ann".into(), hash: "$5$salt$hash".into() }]);
    table.rules.maintenance =
        Some(Maintenance { page: Some("<p>5 $host\n</p>".into()), retry_after_s: Some(60) });
    table
}

#[test]
fn a_service_with_every_rule() {
    insta::assert_snapshot!(rendered(&with_every_rule()));
    assert_eq!(logins(&with_every_rule()).unwrap().unwrap(), "ann:$5$salt$hash\n");
}

#[test]
fn other_logins_change_no_text() {
    let table = with_every_rule();
    let mut other = table.clone();
    other.rules.preview_logins = Some(Vec::new());
    assert_eq!(rendered(&other), rendered(&table));
    other.rules.preview_logins = None;
    assert_ne!(rendered(&other), rendered(&table));
}

#[test]
fn long_names_have_short_variables() {
    let mut table = with_passes(shop(&[(1, 50), (2, 50)], &[(1, &["10.0.0.1:80"]), (2, &[])]));
    table.name = ServiceName::new("a".repeat(40)).unwrap();
    table.rules = with_every_rule().rules;
    let text = rendered(&table);
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let names = words.filter(|word| word.starts_with("launcher_") && !word.contains("aaa"));
    assert!(names.clone().any(|name| name.starts_with("launcher_assigned_0")));
    for name in names {
        assert!(name.len() <= 46, "nginx has no room for {name}");
    }
}

#[test]
fn no_rule_brings_anything_in_but_itself() {
    let good = with_every_rule();
    let change = |change: &dyn Fn(&mut ServiceTable)| {
        let mut table = good.clone();
        change(&mut table);
        let settings = Settings { frame: &frame(), preview_domain: "preview.test" };
        service(&table, settings)
    };
    for bad in ["a\nb", "a\r", "\0"] {
        let set = |table: &mut ServiceTable| {
            table.rules.headers.request.set.insert("X".into(), bad.into());
        };
        assert!(change(&set).is_err(), "{bad:?}");
        assert!(change(&|table| table.rules.redirects[1].to = bad.into()).is_err(), "{bad:?}");
    }
    for bad in ["", "a b", "a;", "a\"", "a\n", "{"] {
        assert!(change(&|table| table.rules.headers.request.remove.push(bad.into())).is_err());
        assert!(change(&|table| table.rules.headers.response.remove.push(bad.into())).is_err());
        assert!(change(&|table| table.rules.redirects[0].host = Some(bad.into())).is_err());
    }
    for bad in ["a;", "a|b", "a\"", "a b", "(?=)", "$x"] {
        let pass = |table: &mut ServiceTable| {
            table.pools.values_mut().for_each(|pool| pool.passes.trial = bad.into());
        };
        assert!(change(&pass).is_err(), "{bad:?}");
    }
    for bad in ["", "#ann", "a:b", "a\nb"] {
        let login = |table: &mut ServiceTable| {
            let login = Login { user: bad.into(), hash: "$5$salt$hash".into() };
            table.rules.preview_logins = Some(vec![login]);
        };
        assert!(change(&login).is_err(), "{bad:?}");
    }
    assert!(change(&|table| table.rules.redirects[0].status = 200).is_err());
    // What may hold anything is taken apart again as nginx does.
    let odd = "\" ; } server { $host ${uri} \\\" \\";
    for part in ["/\"; }", "/$host", "/\\\"", "/(?<x>.*)", "/{"] {
        let odd_path = |table: &mut ServiceTable| {
            let target = table.rules.paths.remove("/api").unwrap();
            table.rules.paths.insert(part.into(), PathTarget { strip: true, ..target });
            table.rules.redirects[1].from = part.into();
            table.rules.redirects[2].from = format!("{part}/*");
            table.rules.redirects[2].to = format!("{part}*");
            table.rules.headers.response.set.insert("X".into(), odd.into());
            table.rules.maintenance =
                Some(Maintenance { page: Some(odd.repeat(500)), retry_after_s: None });
        };
        let text = change(&odd_path).unwrap();
        assert_eq!(blocks(&text), blocks(&rendered(&good)), "{part}");
    }
}

/// The heads of all blocks, as nginx reads them.
fn blocks(text: &str) -> Vec<String> {
    let (mut heads, mut head) = (Vec::new(), String::new());
    let (mut quoted, mut escaped) = (false, false);
    for c in text.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '{' if head.ends_with('$') => {}
            '{' => heads.push(std::mem::take(&mut head).trim().to_owned()),
            ';' | '}' => head.clear(),
            c => head.push(c),
        }
    }
    assert!(!quoted);
    // Variables of paths are there when one is stripped.
    heads.retain(|head| !head.starts_with('#'));
    heads
}
