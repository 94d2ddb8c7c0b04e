//! The registry of a lab (Distribution 2.8), which all its engines may use without TLS.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::net::TcpStream;

use crate::Result;
use crate::error::Error;
use crate::folder::{self, Folder, make_directory};
use crate::process::{LOOK, Process, Start};

/// The port that registries usually have. The lab's address is its own.
const PORT: u16 = 5000;

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(30);

/// A registry that runs. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Registry {
    address: SocketAddr,
    process: Process,
}

impl Registry {
    /// Starts it at the lab's own address, and waits until it takes connections.
    ///
    /// # Errors
    /// When it does not.
    pub(crate) async fn start(folder: &Folder, gateway: std::net::Ipv4Addr) -> Result<Self> {
        let directory = folder.path().join("registry");
        make_directory(&directory)?;
        let address = SocketAddr::from((gateway, PORT));
        let settings = directory.join("config.yml");
        // JSON is YAML too.
        let content = json!({
            "version": "0.1",
            "log": {"level": "error"},
            "storage": {
                "filesystem": {"rootdirectory": directory.join("data")},
                "delete": {"enabled": true},
            },
            "http": {"addr": address.to_string(), "secret": "any"},
        });
        folder::write(&settings, &content.to_string())?;
        let words = ["docker-registry", "serve"].map(OsString::from);
        let words = words.into_iter().chain([settings.into_os_string()]).collect();
        let log = directory.join("log");
        let process = Process::start(&Start { mark: folder.mark(), words, log: &log })?;
        let mut registry = Self { address, process };
        registry.wait_until_it_listens().await?;
        Ok(registry)
    }

    async fn wait_until_it_listens(&mut self) -> Result<()> {
        let what = || "the registry".to_owned();
        let began = Instant::now();
        while TcpStream::connect(self.address).await.is_err() {
            let log = self.process.log().to_owned();
            let said = folder::end_of(&log);
            if !self.process.is_running() {
                return Err(Error::Ended { what: what(), log, said });
            }
            if began.elapsed() > PATIENCE {
                return Err(Error::Late { what: what(), after: PATIENCE, log, said });
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Where it listens, and what names of images in it begin with.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}
