//! A real Nagios that runs checks, and what it makes of them.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use launcher_testkit::wait::until;
use rustix::process::{Pid, Signal, kill_process};

/// The real one, as `dev/setup.sh` installs it.
const BINARY: &str = "/usr/sbin/nagios4";

/// How Nagios takes something to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Ok,
    Warning,
    Critical,
    Unknown,
}

/// What Nagios has understood of a check.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) name: String,
    pub(crate) state: State,
    pub(crate) output: String,
    pub(crate) figures: String,
}

/// Has it run these checks, by name and command.
pub(crate) async fn run(checks: &[(&str, String)]) -> Vec<Found> {
    let folder = tempfile::tempdir().unwrap();
    lay_out(folder.path(), checks);
    let _running = Running::start(folder.path());
    let status = folder.path().join("status.dat");
    until("all checks having been run", Duration::from_secs(60), || async {
        let found = read(&fs::read_to_string(&status).ok()?);
        (found.len() == checks.len()).then_some(found)
    })
    .await
}

fn lay_out(folder: &Path, checks: &[(&str, String)]) {
    let at = folder.display();
    let own = |what: &str| {
        let output = Command::new("id").arg(what).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let (user, group) = (own("-un"), own("-gn"));
    fs::create_dir(folder.join("results")).unwrap();
    let main = format!(
        "cfg_file={at}/objects.cfg\nlog_file={at}/log\nobject_cache_file={at}/objects.cache\n\
         status_file={at}/status.dat\nstatus_update_interval=1\ntemp_file={at}/temp\ntemp_path={at}\n\
         lock_file={at}/lock\ncheck_result_path={at}/results\nquery_socket={at}/query\n\
         retain_state_information=0\nnagios_user={user}\nnagios_group={group}\nuse_syslog=0\n\
         check_external_commands=0\ncheck_for_updates=0\ninterval_length=1\nexecute_host_checks=0\n\
         check_result_reaper_frequency=1\nservice_inter_check_delay_method=n\nenable_notifications=0\n\
         illegal_macro_output_chars=`~$&|'\"<>\n"
    );
    fs::write(folder.join("nagios.cfg"), main).unwrap();
    // It wants somebody to tell, and never does.
    let contact = "define timeperiod {\n timeperiod_name always\n alias always\n}\n\
        define command {\n command_name nothing\n command_line /bin/true\n}\n\
        define contact {\n contact_name nobody\n host_notification_commands nothing\n \
        service_notification_commands nothing\n host_notification_period always\n \
        service_notification_period always\n}\n";
    let host = "define host {\n host_name here\n address 127.0.0.1\n max_check_attempts 1\n}\n";
    let mut objects = format!("{contact}{host}");
    for (name, command) in checks {
        objects += &format!(
            "define command {{\n command_name {name}\n command_line {command}\n}}\n\
             define service {{\n host_name here\n service_description {name}\n check_command {name}\n \
             max_check_attempts 1\n check_interval 60\n retry_interval 60\n}}\n"
        );
    }
    fs::write(folder.join("objects.cfg"), objects).unwrap();
}

/// Those checks that have been run, of a status file.
fn read(status: &str) -> Vec<Found> {
    let blocks = status.split("servicestatus {").skip(1);
    let blocks = blocks.filter_map(|block| Some(block.split_once("\n\t}")?.0));
    let found = blocks.filter_map(|block| {
        let lines = block.lines().filter_map(|line| line.trim().split_once('='));
        let values: HashMap<&str, &str> = lines.collect();
        if values["has_been_checked"] != "1" {
            return None;
        }
        let state = match values["current_state"] {
            "0" => State::Ok,
            "1" => State::Warning,
            "2" => State::Critical,
            _ => State::Unknown,
        };
        Some(Found {
            name: values["service_description"].to_owned(),
            state,
            output: values["plugin_output"].to_owned(),
            figures: values["performance_data"].to_owned(),
        })
    });
    found.collect()
}

struct Running(Child);

impl Running {
    fn start(folder: &Path) -> Self {
        let mut command = Command::new(BINARY);
        command.arg(folder.join("nagios.cfg")).stdin(Stdio::null());
        let log =
            || fs::File::options().create(true).append(true).open(folder.join("out")).unwrap();
        Self(
            command
                .stdout(log())
                .stderr(log())
                .spawn()
                .expect("dev/setup.sh test installs nagios4"),
        )
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Its workers end with it, when it is told to.
        if let Some(pid) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let _ = self.0.wait();
    }
}
