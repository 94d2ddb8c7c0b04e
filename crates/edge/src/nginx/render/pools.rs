//! The containers of each version.

use super::names;
use super::out::Out;
use crate::table::ServiceTable;

/// How long an unused connection to a container is kept. Shorter than the five seconds after which some
/// servers close theirs: a request that may not be repeated must not meet one that is being closed.
const IDLE: &str = "4s";

/// How long a container is left out that has failed to answer, and over how long its failures are counted:
/// nginx has one time for both.
const LEFT_OUT: &str = "10s";

pub(super) fn upstreams(out: &mut Out, table: &ServiceTable) {
    let fails = table.traffic.eject_after;
    for (version, pool) in table.pools.iter().filter(|(_, pool)| !pool.endpoints.is_empty()) {
        out.block(format!("upstream {}", names::upstream(&table.name, *version)), |out| {
            out.line("random two least_conn;");
            for address in pool.endpoints.values() {
                out.line(format!("server {address} max_fails={fails} fail_timeout={LEFT_OUT};"));
            }
            out.line("keepalive 64;");
            out.line(format!("keepalive_timeout {IDLE};"));
        });
    }
}
