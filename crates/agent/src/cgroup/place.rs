//! Where the files of a process's control groups are.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

/// The hierarchies that are mounted here, as `/proc/self/mountinfo` has them (proc_pid_mountinfo(5)).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Hierarchies {
    /// Those of version 1, by controller.
    v1: HashMap<String, Mount>,
    /// The one of version 2.
    v2: Option<Mount>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Mount {
    /// Which part of the hierarchy is mounted.
    root: PathBuf,
    /// Where.
    point: PathBuf,
}

impl Hierarchies {
    /// Reads the mounts; of what is mounted more than once the first one counts.
    pub(crate) fn read(mountinfo: &str) -> Self {
        let mut found = Self::default();
        for line in mountinfo.lines() {
            let Some((place, kind)) = line.split_once(" - ") else { continue };
            let mut place = place.split(' ').skip(3);
            let (Some(root), Some(point)) = (place.next(), place.next()) else { continue };
            let mount = || Mount { root: unescaped(root), point: unescaped(point) };
            let mut kind = kind.split(' ');
            match kind.next() {
                Some("cgroup2") if found.v2.is_none() => found.v2 = Some(mount()),
                Some("cgroup") => {
                    for controller in kind.nth(1).unwrap_or_default().split(',') {
                        found.v1.entry(controller.to_owned()).or_insert_with(mount);
                    }
                }
                _ => {}
            }
        }
        found
    }

    /// The folder of a group of version 1, and of version 2, that looks after a controller.
    fn folder(&self, membership: &Membership, controller: &str) -> Option<Folder> {
        if let (Some(mount), Some(path)) = (self.v1.get(controller), membership.v1.get(controller))
        {
            return mount.folder(path).map(Folder::V1);
        }
        self.v2.as_ref()?.folder(membership.v2.as_ref()?).map(Folder::V2)
    }
}

impl Mount {
    fn folder(&self, path: &Path) -> Option<PathBuf> {
        // Groups outside of the part that is seen here begin with `/..`.
        if path.components().any(|part| part == Component::ParentDir) {
            return None;
        }
        let under = path.strip_prefix(&self.root).ok()?;
        Some(self.point.join(under))
    }
}

/// The groups that a process is in, as `/proc/PID/cgroup` has them (cgroups(7)).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Membership {
    v1: HashMap<String, PathBuf>,
    v2: Option<PathBuf>,
}

impl Membership {
    pub(crate) fn read(text: &str) -> Self {
        let mut found = Self::default();
        for line in text.lines() {
            let mut parts = line.splitn(3, ':').skip(1);
            let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
            if controllers.is_empty() {
                found.v2 = Some(PathBuf::from(path));
                continue;
            }
            for controller in controllers.split(',') {
                found.v1.insert(controller.to_owned(), PathBuf::from(path));
            }
        }
        found
    }

    /// Whether these are groups of this container, as engines name them.
    pub(crate) fn names(&self, container: &str) -> bool {
        let mut paths = self.v1.values().chain(&self.v2);
        paths.any(|path| path.to_str().is_some_and(|path| path.contains(container)))
    }
}

/// A group's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Folder {
    /// Of version 1.
    V1(PathBuf),
    /// Of version 2.
    V2(PathBuf),
}

/// The folders of a container's groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Folders {
    /// What counts processor time.
    pub(crate) usage: Folder,
    /// What limits it; of version 1 it may be another hierarchy.
    pub(crate) cpu: Option<Folder>,
    /// What counts memory.
    pub(crate) memory: Folder,
    /// What counts block I/O.
    pub(crate) io: Option<Folder>,
}

impl Folders {
    /// Where they are; nothing when they cannot be reached from here.
    pub(crate) fn find(hierarchies: &Hierarchies, membership: &Membership) -> Option<Self> {
        Some(Self {
            usage: hierarchies.folder(membership, "cpuacct")?,
            cpu: hierarchies.folder(membership, "cpu"),
            memory: hierarchies.folder(membership, "memory")?,
            io: hierarchies.folder(membership, "blkio"),
        })
    }
}

/// A path whose spaces and such are written as `\040` (getmntent(3)).
fn unescaped(text: &str) -> PathBuf {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        plain.push_str(before);
        let code = after.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match code.filter(u8::is_ascii) {
            Some(code) => {
                plain.push(char::from(code));
                rest = &after[3..];
            }
            None => {
                plain.push('\\');
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    PathBuf::from(plain)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const V1: &str = "\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
33 31 0:30 / /sys/fs/cgroup/cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
38 31 0:35 / /sys/fs/cgroup/blkio rw,relatime - cgroup cgroup rw,blkio
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
";
    const V2: &str =
        "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
    const OF_V1: &str = "\
7:blkio:/docker/4f2a
4:memory:/docker/4f2a
2:cpuacct:/docker/4f2a
1:cpu:/docker/4f2a
0::/system.slice/docker.service
";
    const OF_V2: &str = "0::/system.slice/docker-4f2a.scope\n";

    fn find(mounts: &str, groups: &str) -> Option<Folders> {
        Folders::find(&Hierarchies::read(mounts), &Membership::read(groups))
    }

    #[test]
    fn version_1_has_a_hierarchy_for_each_controller() {
        let folder = |name: &str| Folder::V1(format!("/sys/fs/cgroup/{name}/docker/4f2a").into());
        let found = find(V1, OF_V1).unwrap();
        let (cpu, io) = (Some(folder("cpu")), Some(folder("blkio")));
        let (usage, memory) = (folder("cpuacct"), folder("memory"));
        assert_eq!(found, Folders { usage, cpu, memory, io });
    }

    #[test]
    fn version_2_has_one_for_all() {
        let folder = Folder::V2("/sys/fs/cgroup/system.slice/docker-4f2a.scope".into());
        let found = find(V2, OF_V2).unwrap();
        let some = Some(folder.clone());
        let all = Folders { usage: folder.clone(), cpu: some.clone(), memory: folder, io: some };
        assert_eq!(found, all);
    }

    #[test]
    fn a_hybrid_takes_each_controller_from_where_it_is() {
        let mounts = format!(
            "{V2}50 23 0:50 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
        );
        let found = find(&mounts, "3:cpu,cpuacct:/docker/4f2a\n0::/docker/4f2a\n").unwrap();
        assert_eq!(found.usage, Folder::V1("/sys/fs/cgroup/cpu,cpuacct/docker/4f2a".into()));
        assert_eq!(found.memory, Folder::V2("/sys/fs/cgroup/docker/4f2a".into()));
    }

    #[test]
    fn groups_outside_of_what_is_seen_here_are_not_reached() {
        assert_eq!(find(V2, "0::/../docker-4f2a.scope\n"), None);
        let part = "29 23 0:26 /docker/own /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        assert_eq!(find(part, "0::/docker/4f2a\n"), None);
        assert!(find(part, "0::/docker/own/inner\n").is_some());
        assert_eq!(find("", OF_V2), None);
        assert_eq!(find(V2, ""), None);
    }

    #[test]
    fn a_container_is_known_by_its_id() {
        assert!(Membership::read(OF_V2).names("4f2a") && Membership::read(OF_V1).names("4f2a"));
        assert!(!Membership::read("0::/user.slice\n").names("4f2a"));
    }

    #[test]
    fn paths_are_unescaped() {
        assert_eq!(unescaped("/a\\040b\\134c"), PathBuf::from("/a b\\c"));
        assert_eq!(unescaped("/a\\9\\"), PathBuf::from("/a\\9\\"));
        assert_eq!(unescaped("\\é\\377"), PathBuf::from("\\é\\377"));
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(mounts in "[0-9a-z/ :,\\\\\n-]*", groups in "\\PC*|[0-9a-z:/,\n.]*") {
            let _ = find(&mounts, &groups);
            let _ = unescaped(&groups);
        }
    }
}
