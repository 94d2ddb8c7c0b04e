//! nginx with two workers. Its buffers hold the larger of the responses, so that none goes through a file.

use std::net::SocketAddr;
use std::process::Command;

use anyhow::Result;

use super::Ground;
use crate::wire::Wire;

pub(super) fn command(ground: Ground<'_>, address: SocketAddr) -> Result<Command> {
    let (place, upstream) = (ground.directory.display(), ground.upstream);
    // Workers of an nginx that root starts are somebody else, who may not enter the directory.
    let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
    let spoken = match ground.wire {
        Wire::Plain => "",
        Wire::Tls => "ssl",
        Wire::Http2 => "ssl http2",
    };
    let certificate = if ground.wire == Wire::Plain {
        String::new()
    } else {
        let (chain, key) = (ground.certificate.chain.display(), ground.certificate.key.display());
        format!(
            "ssl_certificate {chain}; ssl_certificate_key {key}; ssl_session_cache shared:s:10m;"
        )
    };
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
        listen {address} backlog=4096 reuseport {spoken};
        {certificate}
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
    let path = ground.write("nginx.conf", &config)?;
    let mut command = Command::new("nginx");
    command.arg("-e").arg("stderr").arg("-c").arg(path);
    Ok(command)
}
