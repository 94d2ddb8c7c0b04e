//! What a point does in a test build.

use std::collections::HashSet;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};

static ORDERS: LazyLock<Option<Orders>> = LazyLock::new(Orders::from_environment);

pub(crate) fn reach(name: &'static str) {
    if let Some(orders) = &*ORDERS {
        orders.trace(name);
        orders.obey(name);
    }
}

struct Orders {
    fault: Option<PathBuf>,
    trace: Option<PathBuf>,
    traced: Mutex<HashSet<&'static str>>,
    count: Mutex<Count>,
}

/// How often the point that `order` names has been reached while that order stood.
#[derive(Default)]
struct Count {
    order: String,
    reached: u64,
}

impl Orders {
    fn from_environment() -> Option<Self> {
        let path = |variable| std::env::var_os(variable).map(PathBuf::from);
        let fault = path("LAUNCHER_FAULT_FILE");
        let trace = path("LAUNCHER_FAULT_TRACE");
        (fault.is_some() || trace.is_some()).then(|| Self {
            fault,
            trace,
            traced: Mutex::default(),
            count: Mutex::default(),
        })
    }

    fn trace(&self, name: &'static str) {
        let Some(path) = &self.trace else { return };
        let mut traced = self.traced.lock().unwrap_or_else(PoisonError::into_inner);
        if traced.insert(name) {
            // One write of one line: the processes of a test share the file.
            let line = format!("{name}\n");
            let opened = OpenOptions::new().create(true).append(true).open(path);
            let _ = opened.and_then(|mut file| file.write_all(line.as_bytes()));
        }
    }

    fn obey(&self, name: &str) {
        let Some(path) = &self.fault else { return };
        let Ok(order) = fs::read_to_string(path) else { return };
        let order = order.trim();
        if order.strip_prefix("pause ") == Some(name) {
            return pause(path);
        }
        let Some(nth) = times_for(order, name) else { return };

        // Held until the end, so that no second thread takes the order as well.
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        if count.order != order {
            *count = Count { order: order.to_owned(), reached: 0 };
        }
        count.reached += 1;
        // Whoever deletes the file carries the order out; two processes may have read it.
        if count.reached >= nth && fs::remove_file(path).is_ok() {
            die();
        }
    }
}

/// `NAME` is the first time, `NAME:N` the N-th; `None` when the order is for another point.
fn times_for(order: &str, name: &str) -> Option<u64> {
    match order.strip_prefix(name)? {
        "" => Some(1),
        rest => rest.strip_prefix(':')?.parse().ok(),
    }
}

/// Tells that the point is reached, and waits until it is let go.
fn pause(order: &Path) {
    let reached = order.with_extension("reached");
    // Whoever renames the file carries the order out.
    if fs::rename(order, &reached).is_ok() {
        while reached.exists() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn die() -> ! {
    let _ = kill_process(getpid(), Signal::KILL);
    // Only reached where a process may not signal itself.
    std::process::abort()
}
