use super::*;
use launcher_model::Generation;
use launcher_model::service::Traffic;

fn service(revision: u64) -> ServiceTable {
    ServiceTable {
        name: ServiceName::new("shop").unwrap(),
        hosts: Vec::new(),
        revision,
        generation: Generation(1),
        weights: BTreeMap::new(),
        pools: BTreeMap::new(),
        traffic: Traffic::default(),
    }
}

fn kept(dir: &Path) -> Vec<u64> {
    let (_, table) = Keep::open(dir).unwrap();
    table.services.values().map(|service| service.revision).collect()
}

#[test]
fn what_is_kept_is_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let (keep, table) = Keep::open(dir.path()).unwrap();
    assert_eq!(table, RouteTable::default());
    keep.write(&service(1), keep.order()).unwrap();
    keep.write_preview_domain("preview.test").unwrap();
    keep.prepare(&service(2), DeploymentId(7)).unwrap();
    let (keep, table) = Keep::open(dir.path()).unwrap();
    assert_eq!(table.preview_domain, "preview.test");
    assert_eq!(table.services.into_values().collect::<Vec<_>>(), [service(1)]);
    assert!(
        keep.commit(&service(2).name, DeploymentId(7), keep.order()).is_err(),
        "what was prepared before a restart is forgotten"
    );
    keep.prepare(&service(2), DeploymentId(8)).unwrap();
    keep.commit(&service(2).name, DeploymentId(8), keep.order()).unwrap();
    assert_eq!(kept(dir.path()), [2]);
    keep.remove(&service(2).name, keep.order()).unwrap();
    keep.remove(&service(2).name, keep.order()).unwrap();
    assert!(kept(dir.path()).is_empty());
}

#[test]
fn a_slow_write_does_not_undo_what_came_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let (keep, _) = Keep::open(dir.path()).unwrap();
    let (slow, quick) = (keep.order(), keep.order());
    keep.write(&service(2), quick).unwrap();
    keep.write(&service(1), slow).unwrap();
    assert_eq!(kept(dir.path()), [2]);

    let (slow, quick) = (keep.order(), keep.order());
    keep.remove(&service(2).name, quick).unwrap();
    keep.write(&service(3), slow).unwrap();
    assert!(kept(dir.path()).is_empty());
    assert_eq!(fs::read_dir(dir.path().join("routes")).unwrap().count(), 0);
}

#[test]
fn a_full_disk_is_an_error_and_leaves_what_was() {
    let dir = tempfile::tempdir().unwrap();
    let (keep, _) = Keep::open(dir.path()).unwrap();
    keep.write(&service(1), keep.order()).unwrap();
    // A directory in the place of a file fails as surely as a full disk does.
    let order = keep.order();
    let in_the_way = dir.path().join("routes").join(format!("shop.{}.new", order.0));
    fs::create_dir(&in_the_way).unwrap();
    assert!(keep.write(&service(2), order).is_err());
    fs::create_dir(dir.path().join("routes/shop.7.prepared")).unwrap();
    assert!(keep.prepare(&service(2), DeploymentId(7)).is_err());
    let text = fs::read(dir.path().join("routes/shop.json")).unwrap();
    assert_eq!(serde_json::from_slice::<ServiceTable>(&text).unwrap().revision, 1);
}
