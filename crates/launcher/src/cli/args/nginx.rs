//! What is to be said of an nginx that an edge runs beside.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// What carries the traffic of an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DriverName {
    Builtin,
    Nginx,
}

/// `launcher edge --driver nginx`: where that nginx is.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Beside nginx")]
pub(crate) struct NginxArgs {
    /// The program, with which configurations are tried
    #[arg(long, value_name = "PATH", default_value = "nginx")]
    pub(crate) nginx_binary: PathBuf,
    /// Its main configuration file
    #[arg(long, value_name = "FILE", default_value = "/etc/nginx/nginx.conf")]
    pub(crate) nginx_conf: PathBuf,
    /// What it was started with as -p, if it was
    #[arg(long, value_name = "DIR")]
    pub(crate) nginx_prefix: Option<PathBuf>,
    /// The file that holds the process id of its master
    #[arg(long, value_name = "FILE", default_value = "/run/nginx.pid")]
    pub(crate) nginx_pid: PathBuf,
    /// The directory of this edge's files, which the http block includes: include DIR/*.conf;
    #[arg(long, value_name = "DIR", default_value = "/etc/nginx/rocket-launcher")]
    pub(crate) nginx_include: PathBuf,
    /// An address of this machine, at which nginx tells this edge what it serves
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7072", value_parser = loopback)]
    pub(crate) nginx_internal: SocketAddr,
}

/// Reads an address that only this machine reaches.
fn loopback(text: &str) -> Result<SocketAddr, String> {
    match text.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_loopback() && address.port() != 0 => Ok(address),
        _ => Err("write a loopback address with a port, such as 127.0.0.1:7072".to_owned()),
    }
}
