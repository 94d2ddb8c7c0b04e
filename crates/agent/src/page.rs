//! What the agent shows to Prometheus.

use std::sync::{Arc, Mutex};

use launcher_exposition::{Error, Page};

use crate::known::{Known, Shown};
use crate::sampler::locked;
use crate::tally::Tally;

const SECOND: f64 = 1e6;
/// How much of a container's id is shown, as `docker ps` has it.
const SHORT: usize = 12;

/// Puts containers, and the agent itself, on a page.
pub(crate) fn make(page: &Page, known: &Arc<Mutex<Known>>, tally: &Tally) -> Result<(), Error> {
    {
        let known = locked(known);
        containers(page, &known.shown())?;
        out_of_memory(page, &known)?;
    }
    agent(page, tally)
}

fn containers(page: &Page, shown: &[Shown<'_>]) -> Result<(), Error> {
    let labels = &["service", "version", "container"];
    let counters = |name: &str, help: &str| page.counters(name, help, labels);
    let cpu = page.seconds(
        "launcher_container_cpu_seconds_total",
        "Processor time that a container has used since its start.",
        labels,
    )?;
    let throttled = page.seconds(
        "launcher_container_cpu_throttled_seconds_total",
        "Time for which a container was held back by its limit of processor time.",
        labels,
    )?;
    let memory = page.gauges(
        "launcher_container_memory_bytes",
        "Memory of a container, without what the kernel can take back at once.",
        labels,
    )?;
    let limit = page.gauges(
        "launcher_container_memory_limit_bytes",
        "How much memory a container may have; not there when it has no limit.",
        labels,
    )?;
    let received = counters(
        "launcher_container_network_receive_bytes_total",
        "Bytes that came over a container's network.",
    )?;
    let sent = counters(
        "launcher_container_network_transmit_bytes_total",
        "Bytes that went over a container's network.",
    )?;
    let read = counters("launcher_container_block_read_bytes_total", "Bytes read from disks.")?;
    let written =
        counters("launcher_container_block_written_bytes_total", "Bytes written to disks.")?;
    let restarts = counters(
        "launcher_container_restarts_total",
        "How often the engine has started a container again by itself.",
    )?;
    for Shown { resident, counters } in shown {
        let version = resident.version.to_string();
        let id = resident.id.get(..SHORT).unwrap_or(&resident.id);
        let labels = &[resident.service.as_str(), &version, id];
        cpu.set(labels, counters.cpu_us as f64 / SECOND)?;
        throttled.set(labels, counters.throttled_us as f64 / SECOND)?;
        memory.count(labels, counters.memory)?;
        if counters.memory_limit > 0 {
            limit.count(labels, counters.memory_limit)?;
        }
        received.set(labels, counters.received)?;
        sent.set(labels, counters.sent)?;
        read.set(labels, counters.read)?;
        written.set(labels, counters.written)?;
        restarts.set(labels, resident.restarts)?;
    }
    Ok(())
}

/// By version, because a container that memory ran out for is usually gone before it can be shown.
fn out_of_memory(page: &Page, known: &Known) -> Result<(), Error> {
    let kills = page.counters(
        "launcher_oom_kills_total",
        "Processes of a version's containers that the kernel has ended for want of memory.",
        &["service", "version"],
    )?;
    for (service, version, count) in known.oom_kills() {
        kills.set(&[service.as_str(), &version.to_string()], count)?;
    }
    Ok(())
}

fn agent(page: &Page, tally: &Tally) -> Result<(), Error> {
    let now = tally.now();
    let one = |name: &str, help: &str, value| page.counters(name, help, &[])?.set(&[], value);
    one("launcher_agent_samples_total", "How often was measured.", now.samples)?;
    let spent = page.seconds(
        "launcher_agent_sampling_seconds_total",
        "Time that measuring has taken.",
        &[],
    )?;
    spent.set(&[], now.sampling_us as f64 / SECOND)?;
    one("launcher_agent_reports_sent_total", "Reports that the server has.", now.sent)?;
    one(
        "launcher_agent_reports_dropped_total",
        "Reports that the server will not get: it was away for too long, or refused them.",
        now.dropped,
    )?;
    page.gauges("launcher_agent_reports_waiting", "Reports that wait for the server.", &[])?
        .count(&[], now.waiting)?;
    page.gauges("launcher_agent_info", "The agent's version.", &["version"])?
        .set(&[env!("CARGO_PKG_VERSION")], 1.0)
}
