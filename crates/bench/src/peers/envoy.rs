//! Envoy with two workers.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{Ground, client};
use crate::wire::Wire;

const TYPES: &str = "type.googleapis.com/envoy.extensions";

pub(super) fn command(ground: Ground<'_>, address: SocketAddr) -> Result<Command> {
    let mut chain = json!({ "filters": [{
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": connections(ground.wire),
    }] });
    if ground.wire != Wire::Plain {
        chain["transport_socket"] = tls(ground);
    }
    let config = json!({ "static_resources": {
        "listeners": [{
            "address": socket(address),
            "tcp_backlog_size": 4096,
            "filter_chains": [chain],
        }],
        "clusters": [{
            "name": "sample",
            "type": "STATIC",
            "connect_timeout": "5s",
            // What it keeps to itself by default would refuse requests under this load.
            "circuit_breakers": { "thresholds": [
                { "max_connections": 20000, "max_pending_requests": 20000, "max_requests": 20000 },
            ] },
            "load_assignment": {
                "cluster_name": "sample",
                "endpoints": [{ "lb_endpoints": [
                    { "endpoint": { "address": socket(ground.upstream) } },
                ] }],
            },
        }],
    } });
    let path = ground.write("envoy.json", &config.to_string())?;
    let mut command = Command::new(program(&client("lib")?)?);
    command.args(["--concurrency", "2", "--log-level", "off", "--disable-hot-restart"]);
    command.arg("--config-path").arg(path);
    Ok(command)
}

/// The program itself: what stands among the scripts is Python that starts it.
fn program(lib: &Path) -> Result<PathBuf> {
    let pythons = std::fs::read_dir(lib).context("cannot look for Envoy")?.filter_map(Result::ok);
    let mut places = pythons.map(|python| python.path().join("site-packages/envoy/_bin/envoy"));
    let found = places.find(|path| path.exists());
    found.context("there is no Envoy; dev/setup.sh bench installs it")
}

fn socket(address: SocketAddr) -> Value {
    json!({ "socket_address": {
        "address": address.ip().to_string(), "port_value": address.port(),
    } })
}

fn connections(wire: Wire) -> Value {
    let scheme = if wire == Wire::Plain { "http" } else { "https" };
    json!({
        "@type": format!("{TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": "clients",
        "codec_type": if wire == Wire::Http2 { "HTTP2" } else { "HTTP1" },
        "use_remote_address": true,
        "generate_request_id": false,
        "route_config": { "virtual_hosts": [{
            "name": "all",
            "domains": ["*"],
            "request_headers_to_add": [
                { "header": { "key": "x-forwarded-host", "value": "%REQ(:AUTHORITY)%" } },
                { "header": { "key": "x-forwarded-proto", "value": scheme } },
            ],
            "routes": [{ "match": { "prefix": "/" }, "route": { "cluster": "sample" } }],
        }] },
        "http_filters": [{
            "name": "envoy.filters.http.router",
            "typed_config": { "@type": format!("{TYPES}.filters.http.router.v3.Router") },
        }],
    })
}

fn tls(ground: Ground<'_>) -> Value {
    let protocol = if ground.wire == Wire::Http2 { "h2" } else { "http/1.1" };
    json!({
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": format!("{TYPES}.transport_sockets.tls.v3.DownstreamTlsContext"),
            "common_tls_context": {
                "alpn_protocols": [protocol],
                "tls_certificates": [{
                    "certificate_chain": { "filename": ground.certificate.chain },
                    "private_key": { "filename": ground.certificate.key },
                }],
            },
        },
    })
}
