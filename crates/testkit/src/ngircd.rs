//! A real ngIRCd, and a person in its channels.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::task::JoinHandle;

use crate::installation::free_port;
use crate::wait::{SOON, until};

/// An ngIRCd on this machine, as `dev/setup.sh` installs it.
pub struct Ngircd {
    file: PathBuf,
    /// Where it listens for plain text.
    pub address: SocketAddr,
    /// Where it listens for TLS; nobody does when it has no certificate.
    pub tls: SocketAddr,
    running: Option<Child>,
}

impl Ngircd {
    /// One whose files are in a folder.
    ///
    /// # Panics
    /// When it is not installed.
    #[must_use]
    pub fn start(folder: &Path) -> Self {
        Self::start_with(folder, "")
    }

    /// One that serves TLS, too, with a certificate and its key in PEM.
    ///
    /// # Panics
    /// When it is not installed.
    #[must_use]
    pub fn start_with_tls(folder: &Path, certificate: &str, key: &str) -> Self {
        let (certificate_file, key_file) = (folder.join("irc.pem"), folder.join("irc.key"));
        fs::write(&certificate_file, certificate).unwrap();
        fs::write(&key_file, key).unwrap();
        let files = format!(
            "CertFile = {}\nKeyFile = {}\n",
            certificate_file.display(),
            key_file.display()
        );
        Self::start_with(folder, &files)
    }

    fn start_with(folder: &Path, certificate: &str) -> Self {
        let (address, tls) = (free_port(), free_port());
        let secure = match certificate {
            "" => String::new(),
            files => format!("[SSL]\n{files}Ports = {}\n", tls.port()),
        };
        let file = folder.join("ngircd.conf");
        let text = format!(
            "[Global]\nName = irc.test.local\nInfo = test\nListen = 127.0.0.1\nPorts = {}\n\
             ServerUID = nobody\nServerGID = nogroup\n\
             [Options]\nDNS = no\nIdent = no\nPAM = no\nMorePrivacy = no\n\
             [Limits]\nMaxConnections = 0\nMaxConnectionsIP = 0\n{secure}",
            address.port()
        );
        fs::write(&file, text).unwrap();
        let mut server = Self { file, address, tls, running: None };
        server.run();
        server
    }

    /// Starts it again.
    ///
    /// # Panics
    /// When it is not installed.
    pub fn run(&mut self) {
        let child = Command::new("ngircd")
            .args(["-n", "-f"])
            .arg(&self.file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.running = Some(child.expect("ngircd is installed, as dev/setup.sh does"));
    }

    /// Ends it, without a word to anybody.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.running.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Ngircd {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Somebody in a channel, who remembers what was said.
pub struct Person {
    nick: String,
    channel: String,
    lines: Arc<Mutex<Vec<String>>>,
    writer: Arc<tokio::sync::Mutex<OwnedWriteHalf>>,
    reading: JoinHandle<()>,
}

impl Person {
    /// Comes to a server, and into a channel.
    ///
    /// # Panics
    /// When it does not get there soon.
    pub async fn join(address: SocketAddr, nick: &str, channel: &str) -> Self {
        let stream = until("the IRC server taking connections", SOON, || async {
            TcpStream::connect(address).await.ok()
        })
        .await;
        let (reader, writer) = stream.into_split();
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let writer = Arc::new(tokio::sync::Mutex::new(writer));
        let (kept, pongs) = (Arc::clone(&lines), Arc::clone(&writer));
        let reading = tokio::spawn(async move {
            let mut reader = BufReader::new(reader).lines();
            while let Ok(Some(line)) = reader.next_line().await {
                if let Some(token) = line.strip_prefix("PING ") {
                    let _ =
                        pongs.lock().await.write_all(format!("PONG {token}\r\n").as_bytes()).await;
                }
                kept.lock().unwrap().push(line);
            }
        });
        let (nick, channel) = (nick.to_owned(), channel.to_owned());
        let person = Self { nick, channel, lines, writer, reading };
        person.sends(&format!("NICK {}", person.nick)).await;
        person.sends(&format!("USER {} 0 * :A person", person.nick)).await;
        person.hears(" 001 ").await;
        person.sends(&format!("JOIN {}", person.channel)).await;
        person.hears(" 366 ").await;
        person
    }

    /// Sends a line of the protocol.
    ///
    /// # Panics
    /// When the server is gone.
    pub async fn sends(&self, line: &str) {
        self.writer.lock().await.write_all(format!("{line}\r\n").as_bytes()).await.unwrap();
    }

    /// Says something in the channel.
    pub async fn says(&self, text: &str) {
        self.sends(&format!("PRIVMSG {} :{text}", self.channel)).await;
    }

    /// All lines of the protocol so far.
    ///
    /// # Panics
    /// When a test has.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// Waits for a line with these words.
    ///
    /// # Panics
    /// When none comes soon.
    pub async fn hears(&self, words: &str) -> String {
        until(&format!("{} hearing {words:?}", self.nick), SOON, || async {
            self.lines().into_iter().find(|line| line.contains(words))
        })
        .await
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        self.reading.abort();
    }
}
