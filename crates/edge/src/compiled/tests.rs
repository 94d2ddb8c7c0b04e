use super::*;
use launcher_model::{Generation, Weight};
use rand::SeedableRng;
use rand::rngs::SmallRng;

fn service(name: &str, hosts: &[&str], weights: &[(u32, u8)], versions: &[u32]) -> ServiceTable {
    let pool = |v: &u32| {
        let address = format!("127.0.0.1:{}", 1000 + v).parse().unwrap();
        let endpoints = [(format!("c{v}"), address)].into();
        let pool = table::Pool { endpoints, passes: passes(*v), ..table::Pool::default() };
        (VersionNumber(*v), pool)
    };
    ServiceTable {
        name: ServiceName::new(name).unwrap(),
        hosts: hosts.iter().map(ToString::to_string).collect(),
        revision: 1,
        generation: Generation(1),
        weights: weights
            .iter()
            .map(|(v, w)| (VersionNumber(*v), Weight::new(*w).unwrap()))
            .collect(),
        pools: versions.iter().map(pool).collect(),
        traffic: Traffic::default(),
        rules: table::Rules::default(),
        branches: Default::default(),
    }
}

fn passes(version: u32) -> table::Passes {
    table::Passes { sticky: format!("v{version}.s"), trial: format!("v{version}.t") }
}

fn table(services: &[ServiceTable]) -> Table {
    let sites: Vec<_> =
        services.iter().map(|service| Arc::new(Site::compile(service, &[], 1))).collect();
    Table::new("preview.test", sites.iter())
}

#[test]
fn hostnames_lead_to_production_and_to_previews() {
    let shop = service("shop", &["shop.example.com"], &[(1, 100)], &[1, 2]);
    let table = table(&[shop, service("blog", &["blog.example.com"], &[], &[7])]);
    let found = |host| match table.find(host) {
        Found::Production(site) => site.name.to_string(),
        Found::Preview(site, pool) => format!("{} {}", site.name, pool.version),
        Found::Resting(site, version, rest) => {
            format!("{} {version} {:?}", site.name, rest.kind)
        }
        Found::NoSuchVersion(site, version) => format!("{} without {version}", site.name),
        Found::Unknown => "unknown".to_owned(),
    };
    assert_eq!(found("shop.example.com"), "shop");
    assert_eq!(found("blog.example.com"), "blog");
    assert_eq!(found("v2.shop.preview.test"), "shop v2");
    assert_eq!(found("v3.shop.preview.test"), "shop without v3");
    for unknown in [
        "example.com",
        "v1.cart.preview.test",
        "v01.shop.preview.test",
        "v+1.shop.preview.test",
        "v0.shop.preview.test",
        "vv1.shop.preview.test",
        "1.shop.preview.test",
        "shop.preview.test",
        "v1.shop.other.test",
        "v1.shoppreview.test",
        "preview.test",
        ".preview.test",
    ] {
        assert_eq!(found(unknown), "unknown", "{unknown}");
    }
}

#[test]
fn the_names_of_branches_lead_to_their_environments() {
    use table::RestKind::{Asleep, Failed, Starting};
    let mut shop = service("shop", &["www.shop.preview.test"], &[(1, 100)], &[1, 2, 3]);
    let aliases = [("login", 2), ("cart", 3), ("www", 3), ("search", 4), ("old", 5), ("v2x", 2)];
    shop.branches.aliases =
        aliases.iter().map(|(label, to)| ((*label).to_owned(), VersionNumber(*to))).collect();
    let rest = |version, kind| (VersionNumber(version), Rest { kind, within_ms: 1000 });
    let resting = [rest(2, Starting), rest(3, Asleep), rest(4, Starting), rest(5, Failed)];
    shop.branches.resting = resting.into();
    let table = table(&[shop]);
    let found = |label: &str| match table.find(&format!("{label}.shop.preview.test")) {
        Found::Production(_) => "production".to_owned(),
        Found::Preview(_, pool) => pool.version.to_string(),
        Found::Resting(_, version, rest) => format!("{version} {:?}", rest.kind),
        Found::NoSuchVersion(_, version) => format!("no {version}"),
        Found::Unknown => "unknown".to_owned(),
    };
    for (label, led_to) in [
        // One that starts is reached as soon as it can be.
        ("login", "v2"),
        ("v2", "v2"),
        ("v2x", "v2"),
        ("cart", "v3 Asleep"),
        ("v3", "v3 Asleep"),
        ("search", "v4 Starting"),
        ("old", "v5 Failed"),
        ("www", "production"),
        ("other", "unknown"),
        ("v9", "no v9"),
    ] {
        assert_eq!(found(label), led_to, "{label}");
    }
}

#[test]
fn the_first_keeps_a_hostname_that_two_claim() {
    let (a, b) = (service("a", &["x.test"], &[], &[1]), service("b", &["x.test"], &[], &[1]));
    assert!(
        matches!(table(&[a, b]).find("x.test"), Found::Production(s) if s.name.as_str() == "a")
    );
}

#[test]
fn weights_are_shares_of_the_traffic() {
    let split = service("shop", &[], &[(1, 75), (2, 25), (3, 0)], &[1, 2, 3]);
    let site = Site::compile(&split, &[], 1);
    let mut rng = SmallRng::seed_from_u64(7);
    let mut counts = BTreeMap::new();
    for _ in 0..10_000 {
        *counts.entry(site.choose(&mut rng).unwrap().version).or_insert(0) += 1;
    }
    assert_eq!(counts.len(), 2);
    assert!((7_300..7_700).contains(&counts[&VersionNumber(1)]), "{counts:?}");
    assert!(Site::compile(&service("x", &[], &[], &[1]), &[], 1).choose(&mut rng).is_none());
}

#[test]
fn what_does_not_change_is_carried_over() {
    let mut shop = service("shop", &[], &[(1, 100)], &[1, 2]);
    let before = Site::compile(&shop, &[], 1);
    let moved = shop.pools.get_mut(&VersionNumber(2)).unwrap();
    moved.endpoints.insert("c9".into(), "127.0.0.1:9".parse().unwrap());
    shop.pools.get_mut(&VersionNumber(1)).unwrap().health.unhealthy_after = 9;
    let after = Site::compile(&shop, &[&before], 1);
    let pools = |v| (&before.pools[&VersionNumber(v)], &after.pools[&VersionNumber(v)]);
    let (old, new) = pools(1);
    assert_eq!((old.id, old.stamp), (new.id, new.stamp));
    assert_eq!(new.health.unhealthy_after, 9);
    let (old, new) = pools(2);
    assert_eq!(old.id, new.id);
    assert_ne!(old.stamp, new.stamp);
    assert!(Arc::ptr_eq(&old.stats, &new.stats));
    let again = Site::compile(&shop, &[&after], 1);
    assert!(Arc::ptr_eq(&again.pools[&VersionNumber(2)], &after.pools[&VersionNumber(2)]));
}

/// Where a request with these fields goes: its version, whether as a live one, and the cookie it gets.
fn way(site: &Site, fields: &[(&str, &str)]) -> Option<(u32, bool, Option<String>)> {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, value.parse().unwrap());
    }
    let way = site.way(&headers, &mut SmallRng::seed_from_u64(7))?;
    let cookie = way.cookie.map(|cookie| cookie.to_str().unwrap().to_owned());
    Some((way.pool.version.0, way.live, cookie))
}

#[test]
fn users_stay_on_a_live_version_that_their_cookie_names() {
    let mut shop = service("shop", &[], &[(1, 99), (2, 1)], &[1, 2, 3]);
    let site = Site::compile(&shop, &[], 1);
    let kept = |cookie| way(&site, &[("cookie", cookie)]).unwrap();
    for names_2 in [
        "launcher-version-shop=v2.s",
        "a=b; launcher-version-shop=v2.s;c=d",
        "launcher-version-shop=v9.s; launcher-version-shop=v2.s",
    ] {
        assert_eq!(kept(names_2), (2, true, None), "{names_2}");
    }
    let set = "launcher-version-shop=v1.s; Path=/; HttpOnly; SameSite=Lax".to_owned();
    for names_none in [
        "launcher-version-shop=v2.t",
        "launcher-version-shop=v3.s",
        "launcher-version-shop=v2.s2",
        "launcher-version-shop=v2.",
        "launcher-version-shop=",
        "launcher-version-shop",
        "launcher-version-cart=v2.s",
        "xlauncher-version-shop=v2.s",
        "launcher-version-shop =v2.s",
    ] {
        assert_eq!(kept(names_none), (1, true, Some(set.clone())), "{names_none}");
    }
    let two = [("cookie", "a=b"), ("cookie", "launcher-version-shop=v2.s")];
    assert_eq!(way(&site, &two), Some((2, true, None)));

    shop.traffic.sticky = false;
    let site = Site::compile(&shop, &[], 1);
    assert_eq!(way(&site, &two), Some((1, true, None)));
    let alone = Site::compile(&service("shop", &[], &[(1, 100)], &[1, 2]), &[], 1);
    assert_eq!(way(&alone, &two), Some((1, true, None)));
    // The control plane makes no passes that are empty; a table of an older one has none.
    let mut old = service("shop", &[], &[(1, 99), (2, 1)], &[1, 2]);
    old.pools.values_mut().for_each(|pool| pool.passes = table::Passes::default());
    let old = Site::compile(&old, &[], 1);
    assert_eq!(way(&old, &[("cookie", "launcher-version-shop=")]), Some((1, true, None)));
}

#[test]
fn any_version_with_containers_can_be_tried() {
    let site = Site::compile(&service("shop", &[], &[(1, 100)], &[1, 2]), &[], 1);
    let tries_2 = Some((2, false, None));
    assert_eq!(way(&site, &[("launcher-try", "v2.t")]), tries_2);
    assert_eq!(way(&site, &[("cookie", "a=b; launcher-try-shop=v2.t")]), tries_2);
    assert_eq!(way(&site, &[("launcher-try", "v1.t")]), Some((1, true, None)));
    // The header is said for this one request, and counts more.
    let both = [("cookie", "launcher-try-shop=v2.t"), ("launcher-try", "v1.t")];
    assert_eq!(way(&site, &both), Some((1, true, None)));
    for nothing in ["v2.s", "v3.t", "", "v2.T"] {
        assert_eq!(way(&site, &[("launcher-try", nothing)]), Some((1, true, None)), "{nothing}");
    }
    let nothing_live = Site::compile(&service("shop", &[], &[], &[2]), &[], 1);
    assert_eq!(way(&nothing_live, &[("launcher-try", "v2.t")]), tries_2);
    assert_eq!(way(&nothing_live, &[]), None);

    let attributes = "Path=/; HttpOnly; SameSite=Lax";
    assert_eq!(site.try_cookie("v2.t"), format!("launcher-try-shop=v2.t; {attributes}"));
    for leaves in ["", "v2.s", "v3.t", "x\r\ny: z"] {
        assert_eq!(site.try_cookie(leaves), format!("launcher-try-shop=; {attributes}; Max-Age=0"));
    }
}
