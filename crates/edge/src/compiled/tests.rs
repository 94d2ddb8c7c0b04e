use super::*;
use launcher_model::{Generation, Weight};
use rand::SeedableRng;
use rand::rngs::SmallRng;

fn service(name: &str, hosts: &[&str], weights: &[(u32, u8)], versions: &[u32]) -> ServiceTable {
    let pool = |v: &u32| {
        let address = format!("127.0.0.1:{}", 1000 + v).parse().unwrap();
        let endpoints = [(format!("c{v}"), address)].into();
        (VersionNumber(*v), table::Pool { endpoints, ..table::Pool::default() })
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
    }
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
