//! A working copy of an application, and the real git client.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::folder::Folder;

/// A working copy on the branch `main`.
pub struct Checkout {
    folder: Folder,
}

/// What a push has said, and how it ended.
#[derive(Debug)]
pub struct Pushed {
    /// It was taken.
    pub ok: bool,
    /// What the person sees.
    pub text: String,
}

impl Pushed {
    /// What it has said, if it was taken.
    ///
    /// # Panics
    /// When it was not.
    #[must_use]
    pub fn taken(self) -> String {
        assert!(self.ok, "{}", self.text);
        self.text
    }

    /// What it has said, if it was refused.
    ///
    /// # Panics
    /// When it was not.
    #[must_use]
    pub fn refused(self) -> String {
        assert!(!self.ok, "{}", self.text);
        self.text
    }
}

impl Default for Checkout {
    fn default() -> Self {
        Self::new()
    }
}

impl Checkout {
    /// An empty one.
    ///
    /// # Panics
    /// When git is not there.
    #[must_use]
    pub fn new() -> Self {
        let checkout = Self { folder: Folder::named("launcher-checkout-") };
        checkout.git(&["init", "--quiet", "--initial-branch=main"]);
        checkout
    }

    /// One with a small web application, whose page says `page`: a static busybox on port 8080.
    ///
    /// # Panics
    /// When there is no busybox.
    #[must_use]
    pub fn web(service: &str, page: &str) -> Self {
        let checkout = Self::new();
        let busybox = std::fs::read("/bin/busybox")
            .expect("no /bin/busybox: run `dev/setup.sh test`, or install busybox-static");
        checkout.write("busybox", &busybox);
        let serve = "trap 'exit 0' TERM; busybox httpd -p 8080 -h /www; \
            while :; do busybox sleep 1000 & wait; done";
        let command = ["/bin/busybox", "sh", "-c", serve];
        checkout.write(
            "Dockerfile",
            format!(
                "FROM scratch\nLABEL {} {}\nCOPY busybox /bin/busybox\nCOPY www /www\nCMD {command:?}\n",
                crate::engine::TEST_LABEL,
                crate::engine::own_label(),
            )
            .as_bytes(),
        );
        checkout.make_executable("busybox");
        checkout.write("launcher.toml", settings(service).as_bytes());
        checkout.write("www/index.html", page.as_bytes());
        checkout.commit("The first page");
        checkout
    }

    /// Its folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file, and the folders above it.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, path: &str, content: &[u8]) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Adds a line to a file.
    ///
    /// # Panics
    /// When there is none.
    pub fn append(&self, path: &str, text: &str) {
        let before = std::fs::read_to_string(self.path().join(path)).unwrap();
        self.write(path, format!("{before}{text}").as_bytes());
    }

    fn make_executable(&self, path: &str) {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(self.path().join(path), mode).unwrap();
    }

    /// Commits everything; the commit's id.
    ///
    /// # Panics
    /// When git refuses.
    pub fn commit(&self, message: &str) -> String {
        self.git(&["add", "--all", "--force"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
        self.git(&["rev-parse", "HEAD"]).trim().to_owned()
    }

    /// Runs git; what it has printed.
    ///
    /// # Panics
    /// When it fails.
    pub fn git(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Pushes, with whatever else is said.
    ///
    /// # Panics
    /// When git cannot be run.
    #[must_use]
    pub fn push(&self, arguments: &[&str]) -> Pushed {
        let output = self.command(&[&["push"], arguments].concat()).output().unwrap();
        Pushed { ok: output.status.success(), text: said(&output) }
    }

    /// Git in this folder, as if nobody had configured anything.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.args(arguments).current_dir(self.path()).stdin(Stdio::null());
        for (name, value) in [
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_AUTHOR_NAME", "Anna"),
            ("GIT_AUTHOR_EMAIL", "anna@example.com"),
            ("GIT_COMMITTER_NAME", "Anna"),
            ("GIT_COMMITTER_EMAIL", "anna@example.com"),
            ("LC_ALL", "C.UTF-8"),
            ("no_proxy", "*"),
        ] {
            command.env(name, value);
        }
        command
    }
}

/// A service that is built of a [web](Checkout::web) application.
#[must_use]
pub fn settings(service: &str) -> String {
    format!(
        "[service]\nname = {service:?}\nbuild = \".\"\nport = 8080\nhosts = [\"{service}.example.com\"]\n\
         [health]\npath = \"/\"\ninterval = \"200ms\"\nhealthy_after = 1\n"
    )
}

fn said(output: &Output) -> String {
    let parts = [&output.stdout, &output.stderr].map(|part| String::from_utf8_lossy(part));
    parts.concat()
}
