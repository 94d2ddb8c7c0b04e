//! What the edge is measured beside, and what all of them are measured in front of.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::process::{Running, free_port};

/// A process that serves an address.
pub(crate) struct Serving {
    pub(crate) address: SocketAddr,
    pub(crate) process: Running,
}

impl Serving {
    fn start(name: &'static str, address: SocketAddr, command: &mut Command) -> Result<Self> {
        let mut process = Running::start(name, command)?;
        process.wait_until_serving(address)?;
        Ok(Self { address, process })
    }
}

/// The sample application as a process of this machine.
///
/// # Errors
/// When it does not start.
pub(crate) fn upstream(program: &Path) -> Result<Serving> {
    let address = free_port()?;
    let mut command = Command::new(program);
    command.arg("sample").env("PORT", address.port().to_string());
    Serving::start("launcher sample", address, &mut command)
}

/// nginx with two workers, and with connections to the upstream that are kept. It sets the headers that
/// the edge sets. Its buffers hold the larger of the responses, so that none goes through a file.
///
/// # Errors
/// When it does not start.
pub(crate) fn nginx(directory: &Path, upstream: SocketAddr) -> Result<Serving> {
    let address = free_port()?;
    let place = directory.display();
    // Workers of an nginx that root starts are somebody else, who may not enter the directory.
    let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
    let config = format!(
        r#"
worker_processes 2;
daemon off;
{user}
pid {place}/nginx.pid;
error_log stderr crit;
events {{ worker_connections 10000; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path {place}/nginx-client;
    proxy_temp_path {place}/nginx-proxy;
    fastcgi_temp_path {place}/nginx-fastcgi;
    uwsgi_temp_path {place}/nginx-uwsgi;
    scgi_temp_path {place}/nginx-scgi;
    proxy_buffers 16 8k;
    proxy_max_temp_file_size 0;
    upstream sample {{
        server {upstream};
        keepalive 64;
        keepalive_requests 1000000000;
    }}
    server {{
        listen {address} backlog=4096 reuseport;
        location / {{
            proxy_pass http://sample;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Host $host;
            proxy_set_header X-Forwarded-Proto $scheme;
        }}
    }}
}}
"#
    );
    let path = directory.join("nginx.conf");
    std::fs::write(&path, config).context("cannot write nginx's configuration")?;
    let mut command = Command::new("nginx");
    command.arg("-e").arg("stderr").arg("-c").arg(path);
    Serving::start("nginx", address, &mut command)
}

/// HAProxy with two threads, and with connections to the upstream that are kept and shared.
///
/// # Errors
/// When it does not start.
pub(crate) fn haproxy(directory: &Path, upstream: SocketAddr) -> Result<Serving> {
    let address = free_port()?;
    let config = format!(
        "global
    nbthread 2
    maxconn 1000
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend clients
    bind {address} backlog 4096
    default_backend sample
backend sample
    option forwardfor
    http-reuse always
    http-request set-header X-Forwarded-Host %[req.hdr(host)]
    http-request set-header X-Forwarded-Proto http
    server sample {upstream}
"
    );
    let path = directory.join("haproxy.cfg");
    std::fs::write(&path, config).context("cannot write HAProxy's configuration")?;
    let mut command = Command::new("haproxy");
    command.arg("-db").arg("-f").arg(path);
    Serving::start("haproxy", address, &mut command)
}
