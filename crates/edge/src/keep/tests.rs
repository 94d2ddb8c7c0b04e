use super::*;
use launcher_model::Generation;
use launcher_model::service::Traffic;

use crate::table::Rules;

fn service(revision: u64) -> ServiceTable {
    ServiceTable {
        name: ServiceName::new("shop").unwrap(),
        hosts: Vec::new(),
        revision,
        generation: Generation(1),
        weights: BTreeMap::new(),
        pools: BTreeMap::new(),
        traffic: Traffic::default(),
        rules: Rules::default(),
        branches: Default::default(),
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
    keep.write_common(&Common { preview_domain: "preview.test".into(), installation: None })
        .unwrap();
    keep.expect(DeploymentId(7));
    keep.prepare(&service(2), DeploymentId(7)).unwrap();
    let (keep, table) = Keep::open(dir.path()).unwrap();
    assert_eq!(table.preview_domain, "preview.test");
    assert_eq!(table.services.into_values().collect::<Vec<_>>(), [service(1)]);
    assert!(
        keep.commit(&service(2).name, DeploymentId(7), keep.order()).is_err(),
        "what was prepared before a restart is forgotten"
    );
    keep.expect(DeploymentId(8));
    keep.prepare(&service(2), DeploymentId(8)).unwrap();
    keep.commit(&service(2).name, DeploymentId(8), keep.order()).unwrap();
    assert_eq!(kept(dir.path()), [2]);
    keep.force().unwrap();
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
fn what_is_aborted_while_it_is_written_is_not_left() {
    let dir = tempfile::tempdir().unwrap();
    let (keep, _) = Keep::open(dir.path()).unwrap();
    keep.expect(DeploymentId(7));
    keep.abort(&service(1).name, DeploymentId(7));
    keep.prepare(&service(1), DeploymentId(7)).unwrap();
    assert_eq!(fs::read_dir(dir.path().join("routes")).unwrap().count(), 0);
    assert!(keep.commit(&service(1).name, DeploymentId(7), keep.order()).is_err());
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
    fs::create_dir(dir.path().join("routes/shop.7.new")).unwrap();
    keep.expect(DeploymentId(7));
    assert!(keep.prepare(&service(2), DeploymentId(7)).is_err());
    assert_eq!(kept(dir.path()), [1]);
}

#[test]
fn a_fresh_file_counts_when_it_is_newer_and_whole() {
    let dir = tempfile::tempdir().unwrap();
    let (keep, _) = Keep::open(dir.path()).unwrap();
    let routes = dir.path().join("routes");
    keep.write(&service(1), keep.order()).unwrap();
    keep.force().unwrap();
    let forced = fs::read(routes.join("shop.json")).unwrap();
    keep.write(&service(2), keep.order()).unwrap();
    assert_eq!(kept(dir.path()), [2]);

    // As a loss of power may leave it.
    keep.write(&service(3), keep.order()).unwrap();
    fs::write(routes.join("shop.3.fresh"), b"").unwrap();
    assert_eq!(kept(dir.path()), [2]);
    assert!(routes.join("shop.3.corrupt").exists());
    fs::remove_file(routes.join("shop.2.fresh")).unwrap();
    assert_eq!(kept(dir.path()), [1]);

    // As a crash after another was forced may.
    let (keep, _) = Keep::open(dir.path()).unwrap();
    keep.write(&service(4), keep.order()).unwrap();
    keep.force().unwrap();
    fs::write(routes.join("shop.9.fresh"), forced).unwrap();
    assert_eq!(kept(dir.path()), [4]);
    let (keep, _) = Keep::open(dir.path()).unwrap();
    keep.write(&service(5), keep.order()).unwrap();
    assert!(routes.join("shop.10.fresh").exists(), "orders go on where they were");
    keep.force().unwrap();
    let names = fs::read_dir(&routes).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    assert_eq!(names, ["shop.3.corrupt", "shop.json"]);
}

#[test]
fn what_changes_while_the_disk_is_forced_stays_fresh() {
    let dir = tempfile::tempdir().unwrap();
    let (keep, _) = Keep::open(dir.path()).unwrap();
    std::thread::scope(|scope| {
        let forcing = scope.spawn(|| (0..20).try_for_each(|_| keep.force()));
        for revision in 1..=100 {
            keep.write(&service(revision), keep.order()).unwrap();
        }
        forcing.join().unwrap().unwrap();
    });
    assert_eq!(kept(dir.path()), [100]);
    keep.force().unwrap();
    assert_eq!(kept(dir.path()), [100]);
    assert_eq!(fs::read_dir(dir.path().join("routes")).unwrap().count(), 1);
}
