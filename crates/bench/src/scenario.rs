//! What is measured.

mod access_log;
mod browser;
mod environment;
mod home;
mod idle;
mod large;
mod lookup;
mod memory;
mod month;
mod push;
mod sampling;
mod skew;
mod soak;
mod switch;
mod throughput;
mod visitor;
mod wake;

use std::pin::Pin;

use anyhow::Result;

use crate::Settings;
use crate::report::Figure;

type Measuring<'a> = Pin<Box<dyn Future<Output = Result<Vec<Figure>>> + 'a>>;

/// Something that is measured in one go, and the figures that come of it.
pub(crate) struct Scenario {
    pub(crate) figures: &'static [&'static str],
    pub(crate) measure: fn(&Settings) -> Measuring<'_>,
}

/// All, in the order in which they run.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        figures: &["edge_throughput_plain", "edge_cpu_per_request_plain", "edge_p99_plain"],
        measure: |settings| Box::pin(throughput::plain(settings)),
    },
    Scenario {
        figures: &["edge_throughput_64k"],
        measure: |settings| Box::pin(throughput::of_64k(settings)),
    },
    Scenario {
        figures: &["edge_throughput_tls", "edge_cpu_per_request_tls", "edge_p99_tls"],
        measure: |settings| Box::pin(throughput::tls(settings)),
    },
    Scenario {
        figures: &["edge_throughput_tls_64k"],
        measure: |settings| Box::pin(throughput::tls_64k(settings)),
    },
    Scenario {
        figures: &["edge_throughput_http2", "edge_cpu_per_request_http2", "edge_p99_http2"],
        measure: |settings| Box::pin(throughput::http2(settings)),
    },
    Scenario {
        figures: &["edge_throughput_http2_64k"],
        measure: |settings| Box::pin(throughput::http2_64k(settings)),
    },
    Scenario {
        figures: &["edge_lookup_1000_services"],
        measure: |settings| Box::pin(lookup::measure(settings)),
    },
    Scenario {
        figures: &["sampling_cost", "sampling_cpu_per_request"],
        measure: |settings| Box::pin(sampling::measure(settings)),
    },
    Scenario {
        figures: &["access_log_cost", "access_log_cpu_per_request"],
        measure: |settings| Box::pin(access_log::measure(settings)),
    },
    Scenario {
        figures: &["metrics_month_size", "graph_p99"],
        measure: |settings| Box::pin(month::measure(settings)),
    },
    Scenario {
        figures: &["home_p99", "home_weight"],
        measure: |settings| Box::pin(home::measure(settings)),
    },
    Scenario {
        figures: &[
            "home_fcp",
            "home_lcp",
            "home_tbt",
            "home_cls",
            "service_fcp",
            "service_lcp",
            "service_tbt",
            "service_cls",
            "deploy_fcp",
            "deploy_lcp",
            "deploy_tbt",
            "deploy_cls",
        ],
        measure: |settings| Box::pin(browser::paints(settings)),
    },
    Scenario {
        figures: &["home_update_p99"],
        measure: |settings| Box::pin(browser::updates(settings)),
    },
    Scenario { figures: &["edge_idle_10k"], measure: |settings| Box::pin(idle::measure(settings)) },
    Scenario {
        figures: &["switch_p99", "switch_p99_at_caller", "switch_failed", "switch_closed"],
        measure: |settings| Box::pin(switch::measure(settings)),
    },
    Scenario {
        figures: &["soak_edge_rss", "soak_server_rss", "soak_lost"],
        measure: |settings| Box::pin(soak::measure(settings)),
    },
    Scenario {
        figures: &["switch_skew_p99"],
        measure: |settings| Box::pin(skew::measure(settings)),
    },
    Scenario {
        figures: &["environment_10_ready"],
        measure: |settings| Box::pin(environment::measure(settings)),
    },
    Scenario {
        figures: &["push_to_ready_warm", "push_to_ready_cold"],
        measure: |settings| Box::pin(push::measure(settings)),
    },
    Scenario {
        figures: &["wake_first_request"],
        measure: |settings| Box::pin(wake::measure(settings)),
    },
    Scenario {
        figures: &["server_rss", "edge_rss"],
        measure: |settings| Box::pin(memory::measure(settings)),
    },
];

/// A directory for the files of one scenario.
fn scratch() -> Result<tempfile::TempDir> {
    Ok(tempfile::Builder::new().prefix("launcher-bench-").tempdir()?)
}
