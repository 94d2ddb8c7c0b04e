//! `launcher build` and `launcher init` with a real engine: from a folder without git to a preview.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use launcher_testkit::wait::{SOON, until};
use launcher_testkit::{Checkout, Engine, Folder, Installation};
use serde_json::{Value, json};

fn launcher(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_launcher"));
    command.args(arguments).current_dir(folder).env("COLUMNS", "100");
    command
}

/// An installation with the service `shop`.
struct Shop {
    installation: Installation,
    api: launcher_testkit::Api,
}

impl Shop {
    async fn open() -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_launcher"));
        let mut installation = Installation::new(program, &Engine::local());
        let api = installation.start().await;
        api.put_service(json!({
            "service": { "name": "shop", "hosts": ["shop.example.com"], "port": 8080, "build": "." },
        }))
        .await;
        Self { installation, api }
    }

    /// Runs the command line in a folder; it does not hold up this test's runtime.
    async fn run(&self, folder: &Path, arguments: &[&str]) -> Ran {
        let mut command = launcher(folder, arguments);
        command.env("LAUNCHER_DATA", self.installation.data());
        tokio::task::spawn_blocking(move || Ran::of(&command.output().unwrap())).await.unwrap()
    }

    async fn page(&self, path: &str, version: u64) -> String {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = client.get(format!("http://{}{path}", self.installation.http));
        let request = request.header("host", format!("v{version}.shop.localhost"));
        let answer = request.send().await.unwrap();
        format!("{} {}", answer.status().as_u16(), answer.text().await.unwrap())
    }
}

#[derive(Debug)]
struct Ran {
    status: i32,
    stdout: String,
    stderr: String,
}

impl Ran {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let status = output.status.code().unwrap_or(-1);
        Self { status, stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    fn is(self, status: i32) -> Self {
        assert_eq!(self.status, status, "{self:#?}");
        self
    }

    fn tells(&self, words: &str) {
        assert!(self.stderr.contains(words), "{words:?} is missing in {self:#?}");
    }
}

/// An application whose whole folder is in its image, below `/www`.
fn whole_folder() -> Checkout {
    let checkout = Checkout::web("shop", "the first page");
    let dockerfile = std::fs::read_to_string(checkout.path().join("Dockerfile")).unwrap();
    checkout.write("Dockerfile", dockerfile.replace("COPY www /www", "COPY . /www").as_bytes());
    checkout.write("index.html", b"from a folder");
    checkout
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_a_folder_becomes_a_preview() {
    let shop = Shop::open().await;
    let app = whole_folder();
    app.write("secrets/key", b"not for the image");
    app.write(".dockerignore", b"secrets\n");
    std::os::unix::fs::symlink("/etc/hostname", app.path().join("leak")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(app.path().join("app.sock")).unwrap();
    let ran = shop.run(app.path(), &["build", "--branch", "try"]).await.is(0);
    let url = format!("http://v1.shop.localhost:{}", shop.installation.http.port());
    assert_eq!(ran.stdout, format!("v1 {url}\n"));
    for words in [
        "app.sock is a socket, and left out",
        "build 1 of shop",
        "==> build",
        "v1 of shop is ready",
    ] {
        ran.tells(words);
    }
    assert_eq!(shop.page("/", 1).await, "200 from a folder");
    // What is left out, and what git keeps for itself, was not sent; a link was sent as a link.
    for path in ["/secrets/key", "/.git/config"] {
        assert!(shop.page(path, 1).await.starts_with("404 "), "{path}");
    }
    let inside = ["exec", "shop", "1", "--", "/bin/busybox", "readlink", "/www/leak"];
    assert_eq!(shop.run(app.path(), &inside).await.is(0).stdout, "/etc/hostname\n");
    let build = shop.api.get("/builds/1").await;
    assert_eq!((&build["branch"], &build["origin"]), (&json!("try"), &json!("upload")), "{build}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_a_folder_whose_test_fails_exits_with_1() {
    let shop = Shop::open().await;
    let app = Checkout::web("shop", "the first page");
    let test =
        "[test]\ncommand = [\"/bin/busybox\", \"sh\", \"-c\", \"echo out of luck; exit 3\"]\n";
    app.append("launcher.toml", test);
    let ran = shop.run(app.path(), &["build", "shop"]).await.is(1);
    for words in ["out of luck", "exited with status 3", "error: build 1: test failed:"] {
        ran.tells(words);
    }
    assert_eq!(ran.stdout, "");
    // A link is followed in the folder alone: this machine's file is not in reach.
    let dockerfile = std::fs::read_to_string(app.path().join("Dockerfile")).unwrap();
    app.write("Dockerfile", format!("{dockerfile}COPY leak /leak\n").as_bytes());
    std::os::unix::fs::symlink("/etc/hostname", app.path().join("leak")).unwrap();
    shop.run(app.path(), &["build"]).await.is(1).tells("error: build 2: build failed:");
    // What the image does not have is named, and not in the engine's words.
    app.write("Dockerfile", dockerfile.as_bytes());
    let settings = launcher_testkit::checkout::settings("shop");
    let npm = "[test]\ncommand = [\"npm\", \"test\"]\n";
    app.write("launcher.toml", format!("{settings}{npm}").as_bytes());
    shop.run(app.path(), &["build"])
        .await
        .is(1)
        .tells("test failed: \"npm\" of [test] command is not in the image that was built: name");
    // Not waited for: what the server takes in is told as JSON.
    let ran = shop.run(app.path(), &["build", "--no-wait", "--json"]).await.is(0);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&told["id"], &told["state"]), (&json!(4), &json!("queued")), "{told}");
    assert_eq!(shop.api.get("/services/shop/versions").await["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_a_server_killed_after_an_upload_goes_on_and_its_follower_too() {
    let mut shop = Shop::open().await;
    let app = whole_folder();
    let test = "[test]\ncommand = [\"/bin/busybox\", \"sleep\", \"2\"]\n";
    app.append("launcher.toml", test);
    let mut command = launcher(app.path(), &["build"]);
    command.env("LAUNCHER_DATA", shop.installation.data());
    let following = tokio::task::spawn_blocking(move || Ran::of(&command.output().unwrap()));
    until("the test of it", SOON, || async {
        let build = shop.api.try_call(reqwest::Method::GET, "/builds/1", None).await.ok()?.body;
        let steps = build["steps"].as_array()?.clone();
        steps.iter().any(|step| step["kind"] == "test" && step["state"] == "running").then_some(())
    })
    .await;
    shop.installation.kill_server();
    shop.installation.start_server();
    shop.installation.wait_until_up().await;
    let ran = following.await.unwrap().is(0);
    ran.tells("the connection to");
    ran.tells("the server was restarted in the middle of this build; it goes on");
    let builds = ran.stderr.matches("==> build").count();
    assert_eq!(builds, 1, "what was done is neither done again nor told twice: {ran:#?}");
    assert_eq!(shop.page("/", 1).await, "200 from a folder");
}

/// An application in a folder called `shop`, of which nothing is known but its Dockerfile.
struct App {
    folder: Folder,
}

impl App {
    fn new(serve: &str) -> Self {
        let folder = Folder::named("launcher-init-");
        let app = Self { folder };
        let path = app.path();
        std::fs::create_dir_all(path.join("www")).unwrap();
        std::fs::copy("/bin/busybox", path.join("busybox")).unwrap();
        std::fs::write(path.join("www/up"), "well").unwrap();
        let dockerfile = format!(
            "FROM scratch\nARG PORT=8099\nEXPOSE $PORT\nCOPY busybox /bin/busybox\nCOPY www /www\n\
             CMD [\"/bin/busybox\", \"sh\", \"-c\", {serve:?}]\n"
        );
        std::fs::write(path.join("Dockerfile"), dockerfile).unwrap();
        app
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("shop")
    }

    fn init(&self, arguments: &[&str]) -> Ran {
        let mut command = launcher(&self.path(), &[&["init"], arguments].concat());
        Ran::of(&command.env("LAUNCHER_URL", "http://launcher.example.com:7070").output().unwrap())
    }

    fn written(&self) -> String {
        std::fs::read_to_string(self.path().join("launcher.toml")).unwrap()
    }
}

/// What trials have on the engine: containers and images by their label.
fn left() -> String {
    let docker = |arguments: &[&str]| {
        let output = Command::new("docker").args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let label = "{{.Label \"launcher.installation\"}}";
    let containers =
        docker(&["ps", "-a", "--filter", "label=launcher.installation", "--format", label]);
    let images =
        docker(&["images", "-aq", "--no-trunc", "--filter", "label=launcher.installation"]);
    let images: Vec<&str> = images.lines().collect();
    let label = "{{index .Config.Labels \"launcher.installation\"}}";
    let images = docker(&[&["inspect", "--format", label], &images[..]].concat());
    let trials = |text: &str| {
        let ours = text.lines().filter(|line| line.starts_with("init-"));
        ours.map(|line| format!("{line}\n")).collect::<String>()
    };
    trials(&containers) + &trials(&images)
}

const LISTENS: &str = "busybox httpd -p 8099 -h /www; exec busybox sleep 1000";

#[test]
fn docker_init_finds_port_and_path_and_leaves_nothing() {
    let app = App::new(LISTENS);
    let ran = app.init(&[]).is(0);
    for words in [
        "port        8099 (EXPOSE in the Dockerfile)",
        "health      GET /up answered 200",
        "wrote launcher.toml",
        "launcher apply",
        "launcher build",
    ] {
        ran.tells(words);
    }
    let text = app.written();
    for line in ["name = \"shop\"", "port = 8099", "path = \"/up\""] {
        assert!(text.contains(line), "{text}");
    }
    app.init(&[]).is(1).tells("launcher.toml is there already");
    assert_eq!(app.written(), text);
    app.init(&["--force", "--no-probe", "--name", "blog"]).is(0);
    assert!(app.written().contains("name = \"blog\"") && app.written().contains("tcp = true"));
    assert_eq!(left(), "");
}

#[test]
fn docker_init_says_when_nothing_listens_or_it_ends() {
    let silent = App::new("exec busybox sleep 1000");
    silent.init(&[]).is(0).tells("nothing listened on port 8099 within 10 s");
    assert!(silent.written().contains("tcp = true"));
    let ends = App::new("echo no database; exit 4");
    let ran = ends.init(&[]).is(0);
    ran.tells("it ended with status 4");
    ran.tells("| no database");
    let elsewhere = App::new(&LISTENS.replace("8099", "3000"));
    elsewhere.init(&[]).is(0).tells("nothing listens on port 8099, but on 3000");
    assert!(elsewhere.written().contains("port = 3000"));
    assert_eq!(left(), "");
}

#[test]
fn docker_init_that_is_interrupted_leaves_nothing() {
    use std::process::Stdio;
    let app = App::new("exec busybox sleep 1000");
    let mut command = launcher(&app.path(), &["init"]);
    let init = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = std::time::Instant::now() + SOON;
    while !left().lines().any(|line| line.starts_with("init-")) {
        assert!(std::time::Instant::now() < deadline, "nothing is tried");
        std::thread::sleep(Duration::from_millis(20));
    }
    let pid = rustix::process::Pid::from_raw(i32::try_from(init.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let ran = Ran::of(&init.wait_with_output().unwrap()).is(130);
    ran.tells("interrupted; nothing was written");
    assert!(!app.path().join("launcher.toml").exists());
    assert_eq!(left(), "");
}

#[test]
fn init_prints_commands_that_a_shell_takes_as_they_are() {
    let folder = Folder::named("launcher-init-");
    let app = folder.path().join("my shop");
    std::fs::create_dir(&app).unwrap();
    std::fs::write(app.join("Dockerfile"), "FROM scratch\n").unwrap();
    let mut command = launcher(folder.path(), &["init", "--no-probe", "my shop"]);
    let ran = Ran::of(&command.output().unwrap()).is(0);
    ran.tells("\n  launcher apply -f 'my shop/launcher.toml'\n");
    ran.tells("\n  launcher build --from 'my shop'\n");
    // Nothing is written beside a Dockerfile that nothing can be built of.
    std::fs::remove_file(app.join("launcher.toml")).unwrap();
    std::fs::write(app.join("Dockerfile"), "COPY . /app\n").unwrap();
    let mut command = launcher(folder.path(), &["init", "--no-probe", "my shop"]);
    Ran::of(&command.output().unwrap()).is(1).tells("my shop/Dockerfile has no FROM");
    assert!(!app.join("launcher.toml").exists());
}

#[test]
fn init_without_an_engine_or_a_dockerfile_says_so() {
    let app = App::new(LISTENS);
    let mut command = launcher(&app.path(), &["init"]);
    let ran =
        Ran::of(&command.env("LAUNCHER_DOCKER_HOST", "unix:///nowhere.sock").output().unwrap());
    let ran = ran.is(0);
    ran.tells("health      not tried: Docker at unix:///nowhere.sock cannot be reached");
    assert!(app.written().contains("port = 8099"));
    std::fs::remove_file(app.path().join("Dockerfile")).unwrap();
    app.init(&["--force"]).is(1).tells("there is no Dockerfile in .; write one");
}
