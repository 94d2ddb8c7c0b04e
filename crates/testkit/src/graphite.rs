//! A real Graphite (carbon and its web application), as Debian packages it, in a folder of its own.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::Folder;

/// A Graphite. It is gone when this is dropped.
pub struct Graphite {
    folder: Folder,
    /// Where lines of text are taken.
    pub lines: SocketAddr,
    /// Where pickles are taken.
    pub pickles: SocketAddr,
    queries: SocketAddr,
    web: SocketAddr,
    carbon: Option<Child>,
    _web: Child,
}

impl Graphite {
    /// Starts one that keeps each second for two hours.
    ///
    /// # Panics
    /// When it is not installed, or does not start.
    pub async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = Folder::new();
        for dir in ["conf", "whisper", "log", "run"] {
            std::fs::create_dir_all(folder.path().join(dir)).unwrap();
        }
        let ports: Vec<TcpListener> =
            (0..4).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let [lines, pickles, queries, web] =
            std::array::from_fn(|n| ports[n].local_addr().unwrap());
        drop(ports);
        configure(&folder, [lines, pickles, queries]);
        manage(&folder, &["migrate", "--run-syncdb", "--noinput"]).await;
        let web_runs = start_web(&folder, web);
        let mut graphite =
            Self { folder, lines, pickles, queries, web, carbon: None, _web: web_runs };
        graphite.resume().await;
        listens(web).await;
        graphite
    }

    /// Where its web application is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.web)
    }

    /// Has carbon write down what it has, and end. What is told meanwhile finds nobody.
    pub async fn stop_carbon(&mut self) {
        let Some(mut carbon) = self.carbon.take() else { return };
        let pid = rustix::process::Pid::from_raw(carbon.id().unwrap().try_into().unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        carbon.wait().await.unwrap();
    }

    /// Ends carbon at once, with all that it has not written down.
    pub async fn kill_carbon(&mut self) {
        let Some(mut carbon) = self.carbon.take() else { return };
        carbon.kill().await.unwrap();
    }

    /// Starts carbon again, at the same addresses.
    pub async fn resume(&mut self) {
        let root = self.folder.path();
        let carbon = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "carbon-cache", "--nodaemon"])
            .arg(format!("--config={}", root.join("conf/carbon.conf").display()))
            .arg(format!("--pidfile={}", root.join("run/carbon.pid").display()))
            .arg("start")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("no carbon: run `dev/setup.sh test`, or install graphite-carbon");
        self.carbon = Some(carbon);
        listens(self.lines).await;
        listens(self.queries).await;
    }

    /// What `/render` says of a target: numbers with their seconds since 1970, without those that are not
    /// there.
    pub async fn render(&self, target: &str, from: i64, until: i64) -> Vec<(i64, f64)> {
        let url = format!(
            "{}/render?format=json&noNullPoints=true&target={target}&from={}&until={until}",
            self.url(),
            from - 1,
        );
        let answer: serde_json::Value = reqwest::get(&url).await.unwrap().json().await.unwrap();
        let points = answer[0]["datapoints"].as_array().cloned().unwrap_or_default();
        let read = points.iter().map(|of| (of[1].as_i64().unwrap(), of[0].as_f64().unwrap()));
        read.collect()
    }
}

fn configure(folder: &Folder, [lines, pickles, queries]: [SocketAddr; 3]) {
    let (root, write) = (folder.path().display(), |name: &str, text: String| {
        std::fs::write(folder.path().join("conf").join(name), text).unwrap();
    });
    let receiver = |name: &str, at: SocketAddr| {
        format!("{name}_INTERFACE = {}\n{name}_PORT = {}\n", at.ip(), at.port())
    };
    write(
        "carbon.conf",
        format!(
            "[cache]\nSTORAGE_DIR = {root}/\nLOCAL_DATA_DIR = {root}/whisper/\nCONF_DIR = {root}/conf/\n\
             LOG_DIR = {root}/log/\nPID_DIR = {root}/run/\nDATABASE = whisper\nUSER =\n\
             ENABLE_LOGROTATION = False\nMAX_UPDATES_PER_SECOND = 5000\nMAX_CREATES_PER_MINUTE = inf\n\
             CARBON_METRIC_INTERVAL = 0\n{}{}{}",
            receiver("LINE_RECEIVER", lines),
            receiver("PICKLE_RECEIVER", pickles),
            receiver("CACHE_QUERY", queries),
        ),
    );
    write(
        "storage-schemas.conf",
        "[default]\npattern = .*\nretentions = 1s:2h,10s:1d\n".to_owned(),
    );
    write(
        "storage-aggregation.conf",
        "[default]\npattern = .*\nxFilesFactor = 0\naggregationMethod = average\n".to_owned(),
    );
    write(
        "local_settings.py",
        format!(
            "SECRET_KEY = 'test'\nTIME_ZONE = 'UTC'\nALLOWED_HOSTS = ['*']\nDEBUG = False\n\
             DATABASES = {{'default': {{'ENGINE': 'django.db.backends.sqlite3', 'NAME': '{root}/web.db'}}}}\n\
             GRAPHITE_ROOT = '/usr/share/graphite-web'\nCONF_DIR = '{root}/conf'\nSTORAGE_DIR = '{root}'\n\
             WHISPER_DIR = '{root}/whisper'\nSTANDARD_DIRS = ['{root}/whisper']\nLOG_DIR = '{root}/log'\n\
             INDEX_FILE = '{root}/index'\nCARBONLINK_HOSTS = ['{queries}:a']\nFIND_CACHE_DURATION = 0\n\
             DEFAULT_CACHE_DURATION = 0\n"
        ),
    );
}

fn command(folder: &Folder, arguments: &[&str]) -> Command {
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "KILL", "graphite-manage"])
        .args(arguments)
        .env("PYTHONPATH", PathBuf::from(folder.path()).join("conf"))
        .env("GRAPHITE_SETTINGS_MODULE", "local_settings")
        .env("DJANGO_SETTINGS_MODULE", "graphite.settings")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    command
}

async fn manage(folder: &Folder, arguments: &[&str]) {
    let status = command(folder, arguments).status().await;
    let status = status.expect("no Graphite: run `dev/setup.sh test`, or install graphite-web");
    assert!(status.success(), "graphite-manage {arguments:?}: {status}");
}

fn start_web(folder: &Folder, web: SocketAddr) -> Child {
    command(folder, &["runserver", "--noreload", &web.to_string()]).spawn().unwrap()
}

async fn listens(at: SocketAddr) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while TcpStream::connect(at).await.is_err() {
        assert!(Instant::now() < deadline, "Graphite does not listen at {at}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
