//! Caddy with two threads.

use std::net::SocketAddr;
use std::process::Command;

use anyhow::Result;

use super::{Ground, client};
use crate::wire::Wire;

pub(super) fn command(ground: Ground<'_>, address: SocketAddr) -> Result<Command> {
    let (chain, key) = (ground.certificate.chain.display(), ground.certificate.key.display());
    let (protocols, scheme, tls) = match ground.wire {
        Wire::Plain => ("h1", "http", String::new()),
        Wire::Tls => ("h1", "https", format!("tls {chain} {key}")),
        Wire::Http2 => ("h1 h2", "https", format!("tls {chain} {key}")),
    };
    let (port, upstream) = (address.port(), ground.upstream);
    // A connection whose client names an address sends no name; then the name is this.
    let config = format!(
        "{{
    admin off
    persist_config off
    auto_https off
    default_sni s0.example.com
    log {{
        level ERROR
    }}
    servers {{
        protocols {protocols}
    }}
}}
{scheme}://:{port} {{
    bind 127.0.0.1
    {tls}
    reverse_proxy {upstream} {{
        transport http {{
            keepalive_idle_conns_per_host 64
            compression off
        }}
    }}
}}
"
    );
    let path = ground.write("Caddyfile", &config)?;
    let mut command = Command::new(client("bin/caddy")?);
    command.arg("run").arg("--adapter").arg("caddyfile").arg("--config").arg(path);
    // Where it would keep what it is given here.
    command.env("XDG_DATA_HOME", ground.directory).env("XDG_CONFIG_HOME", ground.directory);
    command.env("GOMAXPROCS", "2").stderr(std::process::Stdio::null());
    Ok(command)
}
