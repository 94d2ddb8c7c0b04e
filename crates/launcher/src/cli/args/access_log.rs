//! What is to be said of an edge's access log.

use std::path::PathBuf;

use clap::Args;
use launcher_model::Bytes;

use crate::run::access_log::{FileOptions, Format, Options, Target};

/// `launcher edge --access-log …`, `--access-log-fluentd …`: where the log goes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Access log")]
pub(crate) struct AccessLogArgs {
    /// A file to which a line is written for each request; - is the standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) access_log: Option<PathBuf>,
    /// How lines are written
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "json")]
    pub(crate) access_log_format: Format,
    /// A Fluentd that each request is told; may be given several times, for those to use when it is away
    #[arg(long, value_name = "HOST:PORT", value_delimiter = ',')]
    pub(crate) access_log_fluentd: Vec<Target>,
    /// The tag of the log's records
    #[arg(long, value_name = "TAG", default_value = "launcher.access")]
    pub(crate) access_log_tag: String,
    /// A file with the key that Fluentd has as shared_key
    #[arg(long, value_name = "FILE", requires = "access_log_fluentd")]
    pub(crate) access_log_key_file: Option<PathBuf>,
    /// Who to be, where Fluentd has users
    #[arg(long, value_name = "NAME", requires_all = ["access_log_key_file", "access_log_password_file"])]
    pub(crate) access_log_user: Option<String>,
    /// A file with that user's password
    #[arg(long, value_name = "FILE", requires = "access_log_user")]
    pub(crate) access_log_password_file: Option<PathBuf>,
    /// Encrypt the connection
    #[arg(long, requires = "access_log_fluentd")]
    pub(crate) access_log_tls: bool,
    /// A file with the authorities to trust, in the place of this machine's
    #[arg(long, value_name = "FILE", requires = "access_log_tls")]
    pub(crate) access_log_ca_file: Option<PathBuf>,
    /// How much of the log may wait on disk while no Fluentd answers
    #[arg(long, value_name = "SIZE", default_value = "256MiB")]
    pub(crate) access_log_buffer: Bytes,
    /// Leave queries out, which may hold what is secret
    #[arg(long)]
    pub(crate) access_log_no_query: bool,
}

impl AccessLogArgs {
    /// The log, if there is one.
    pub(crate) fn options(self) -> Option<Options> {
        let user = self.access_log_user.zip(self.access_log_password_file);
        let format = self.access_log_format;
        let file = self.access_log.map(|path| FileOptions { path, format });
        (file.is_some() || !self.access_log_fluentd.is_empty()).then_some(Options {
            file,
            fluentd: self.access_log_fluentd,
            tag: self.access_log_tag,
            key_file: self.access_log_key_file,
            user,
            tls: self.access_log_tls,
            ca_file: self.access_log_ca_file,
            buffer: self.access_log_buffer,
            query: !self.access_log_no_query,
        })
    }
}
