//! HAProxy with two threads, and with connections to the upstream that are kept and shared.

use std::net::SocketAddr;
use std::process::Command;

use anyhow::Result;

use super::Ground;
use crate::wire::Wire;

pub(super) fn command(ground: Ground<'_>, address: SocketAddr) -> Result<Command> {
    let both = ground.certificate.both.display();
    let spoken = match ground.wire {
        Wire::Plain => String::new(),
        Wire::Tls => format!("ssl crt {both} alpn http/1.1"),
        Wire::Http2 => format!("ssl crt {both} alpn h2"),
    };
    let scheme = if ground.wire == Wire::Plain { "http" } else { "https" };
    let upstream = ground.upstream;
    let config = format!(
        "global
    nbthread 2
    maxconn 2000
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend clients
    bind {address} backlog 4096 {spoken}
    default_backend sample
backend sample
    option forwardfor
    http-reuse always
    http-request set-header X-Forwarded-Host %[req.hdr(host)]
    http-request set-header X-Forwarded-Proto {scheme}
    server sample {upstream}
"
    );
    let path = ground.write("haproxy.cfg", &config)?;
    let mut command = Command::new("haproxy");
    command.arg("-db").arg("-f").arg(path);
    Ok(command)
}
