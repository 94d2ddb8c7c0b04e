//! What a container uses, read from the files of its control groups.
//!
//! Its files are opened once and read again and again from their beginning, which has the kernel write them
//! anew: a sample opens nothing but the list of network interfaces.

mod place;
mod text;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::counters::Counters;
use crate::network;
use place::{Folder, Folders, Hierarchies, Membership};

/// What is mounted on this machine.
#[derive(Debug, Clone)]
pub(crate) struct Cgroups {
    proc: PathBuf,
    hierarchies: Hierarchies,
}

/// Why a container's groups are not read here.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreachable {
    /// The process is not here, or is another one's.
    #[error("its process {0} is not one of this machine that is seen here")]
    NoProcess(u32),
    /// It is, but its groups are not.
    #[error("its control groups are not mounted here")]
    NotMounted,
    /// They cannot be opened.
    #[error("{} cannot be read: {source}", .path.display())]
    File { path: PathBuf, source: io::Error },
}

impl Cgroups {
    /// Reads what is mounted, of the process system that is at `proc`.
    pub(crate) fn of(proc: &Path) -> Self {
        let mounts = std::fs::read_to_string(proc.join("self/mountinfo")).unwrap_or_default();
        Self { proc: proc.to_owned(), hierarchies: Hierarchies::read(&mounts) }
    }

    /// Opens the files of a container, of which this is a process.
    pub(crate) fn open(
        &self,
        container: &str,
        pid: u32,
        own_network: bool,
    ) -> Result<Cgroup, Unreachable> {
        let process = self.proc.join(pid.to_string());
        let groups = std::fs::read_to_string(process.join("cgroup"));
        let groups = Membership::read(&groups.map_err(|_| Unreachable::NoProcess(pid))?);
        // The engine may be on another machine, where this number is another process.
        if !groups.names(container) {
            return Err(Unreachable::NoProcess(pid));
        }
        let folders = Folders::find(&self.hierarchies, &groups).ok_or(Unreachable::NotMounted)?;
        Ok(Cgroup {
            cpu: Cpu::open(&folders)?,
            memory: Memory::open(&folders.memory)?,
            io: Io::open(folders.io.as_ref()),
            interfaces: own_network.then(|| process.join("net/dev")),
        })
    }
}

/// The files of one container.
#[derive(Debug)]
pub(crate) struct Cgroup {
    cpu: Cpu,
    memory: Memory,
    io: Io,
    /// Not kept open: that would keep the container's network after its end.
    interfaces: Option<PathBuf>,
}

#[derive(Debug)]
enum Cpu {
    V1 { usage: Kept, stat: Option<Kept> },
    V2(Kept),
}

#[derive(Debug)]
enum Memory {
    V1 { usage: Kept, stat: Kept, limit: Kept, oom: Option<Kept> },
    V2 { usage: Kept, stat: Kept, limit: Kept, events: Kept },
}

#[derive(Debug)]
enum Io {
    V1(Kept),
    V2(Kept),
    /// The kernel does not count it for this container.
    None,
}

impl Cpu {
    fn open(folders: &Folders) -> Result<Self, Unreachable> {
        match &folders.usage {
            Folder::V2(folder) => Ok(Self::V2(Kept::open(folder, "cpu.stat")?)),
            Folder::V1(folder) => {
                let usage = Kept::open(folder, "cpuacct.usage")?;
                let stat = match &folders.cpu {
                    Some(Folder::V1(folder)) => Kept::open(folder, "cpu.stat").ok(),
                    _ => None,
                };
                Ok(Self::V1 { usage, stat })
            }
        }
    }
}

impl Memory {
    fn open(folder: &Folder) -> Result<Self, Unreachable> {
        match folder {
            Folder::V1(folder) => Ok(Self::V1 {
                usage: Kept::open(folder, "memory.usage_in_bytes")?,
                stat: Kept::open(folder, "memory.stat")?,
                limit: Kept::open(folder, "memory.limit_in_bytes")?,
                oom: Kept::open(folder, "memory.oom_control").ok(),
            }),
            Folder::V2(folder) => Ok(Self::V2 {
                usage: Kept::open(folder, "memory.current")?,
                stat: Kept::open(folder, "memory.stat")?,
                limit: Kept::open(folder, "memory.max")?,
                events: Kept::open(folder, "memory.events")?,
            }),
        }
    }
}

impl Io {
    fn open(folder: Option<&Folder>) -> Self {
        let names =
            ["blkio.throttle.io_service_bytes_recursive", "blkio.throttle.io_service_bytes"];
        match folder {
            Some(Folder::V1(folder)) => {
                let kept = names.into_iter().find_map(|name| Kept::open(folder, name).ok());
                kept.map_or(Self::None, Self::V1)
            }
            Some(Folder::V2(folder)) => Kept::open(folder, "io.stat").map_or(Self::None, Self::V2),
            None => Self::None,
        }
    }
}

impl Cgroup {
    /// Whether the kernel counts here how many processes it ended for want of memory.
    pub(crate) fn counts_oom_kills(&self) -> bool {
        !matches!(self.memory, Memory::V1 { oom: None, .. })
    }

    /// What there is now.
    ///
    /// # Errors
    /// When the container has ended.
    pub(crate) fn read(&self, buffer: &mut Vec<u8>) -> io::Result<Counters> {
        let mut counters = Counters::default();
        self.read_cpu(&mut counters, buffer)?;
        self.read_memory(&mut counters, buffer)?;
        (counters.read, counters.written) = match &self.io {
            Io::V1(kept) => text::io_v1(kept.read(buffer)?),
            Io::V2(kept) => text::io_v2(kept.read(buffer)?),
            Io::None => (0, 0),
        };
        if let Some(path) = &self.interfaces {
            let interfaces = read_whole(&File::open(path)?, buffer)?;
            (counters.received, counters.sent) = network::total(interfaces, |name| name != "lo");
        }
        Ok(counters)
    }

    fn read_cpu(&self, counters: &mut Counters, buffer: &mut Vec<u8>) -> io::Result<()> {
        match &self.cpu {
            Cpu::V1 { usage, stat } => {
                counters.cpu_us = text::number(usage.read(buffer)?).unwrap_or(0) / 1000;
                if let Some(stat) = stat {
                    let throttled = text::keyed(stat.read(buffer)?, "throttled_time");
                    counters.throttled_us = throttled.unwrap_or(0) / 1000;
                }
            }
            Cpu::V2(stat) => {
                let stat = stat.read(buffer)?;
                counters.cpu_us = text::keyed(stat, "usage_usec").unwrap_or(0);
                counters.throttled_us = text::keyed(stat, "throttled_usec").unwrap_or(0);
            }
        }
        Ok(())
    }

    fn read_memory(&self, counters: &mut Counters, buffer: &mut Vec<u8>) -> io::Result<()> {
        let (usage, stat, limit, inactive) = match &self.memory {
            Memory::V1 { usage, stat, limit, .. } => (usage, stat, limit, "total_inactive_file"),
            Memory::V2 { usage, stat, limit, .. } => (usage, stat, limit, "inactive_file"),
        };
        let used = text::number(usage.read(buffer)?).unwrap_or(0);
        let inactive = text::keyed(stat.read(buffer)?, inactive).unwrap_or(0);
        counters.memory = used.saturating_sub(inactive);
        counters.memory_limit = text::limit(limit.read(buffer)?).unwrap_or(0);
        let kills = match &self.memory {
            Memory::V1 { oom, .. } => oom.as_ref(),
            Memory::V2 { events, .. } => Some(events),
        };
        if let Some(kills) = kills {
            counters.oom_kills = text::keyed(kills.read(buffer)?, "oom_kill").unwrap_or(0);
        }
        Ok(())
    }
}

/// A file that stays open.
#[derive(Debug)]
struct Kept(File);

impl Kept {
    fn open(folder: &Path, name: &str) -> Result<Self, Unreachable> {
        let path = folder.join(name);
        File::open(&path).map(Self).map_err(|source| Unreachable::File { path, source })
    }

    fn read<'b>(&self, buffer: &'b mut Vec<u8>) -> io::Result<&'b str> {
        read_whole(&self.0, buffer)
    }
}

/// How much a file of the kernel may be; those read here are a few thousand bytes long.
const LONGEST: usize = 1 << 20;

/// Reads a file from its beginning into a buffer that may be used again.
fn read_whole<'b>(file: &File, buffer: &'b mut Vec<u8>) -> io::Result<&'b str> {
    let mut length = 0;
    loop {
        if buffer.len() - length < 4096 {
            buffer.resize(length + 8192, 0);
        }
        let read = file.read_at(&mut buffer[length..], length as u64)?;
        if read == 0 {
            break;
        }
        length += read;
        if length > LONGEST {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
    }
    std::str::from_utf8(&buffer[..length]).map_err(io::Error::other)
}
