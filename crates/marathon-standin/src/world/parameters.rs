//! Arbitrary parameters of `docker run` that an app may give.

use bollard::models::{ContainerCreateBody, HostConfig};

/// Applies one of them.
///
/// # Errors
/// When it is not one of those that are known here.
pub(super) fn apply(body: &mut ContainerCreateBody, key: &str, value: &str) -> Result<(), String> {
    let value = value.to_owned();
    match key {
        "label" => {
            let (label, text) = value.split_once('=').unwrap_or((&value, ""));
            let labels = body.labels.get_or_insert_default();
            labels.insert(label.to_owned(), text.to_owned());
        }
        "env" => body.env.get_or_insert_default().push(value),
        "hostname" => body.hostname = Some(value),
        "user" => body.user = Some(value),
        "workdir" => body.working_dir = Some(value),
        "entrypoint" => body.entrypoint = Some(vec![value]),
        "stop-signal" => body.stop_signal = Some(value),
        "stop-timeout" => body.stop_timeout = value.parse().ok(),
        _ => return apply_to_host(body.host_config.get_or_insert_default(), key, value),
    }
    Ok(())
}

fn apply_to_host(config: &mut HostConfig, key: &str, value: String) -> Result<(), String> {
    match key {
        "add-host" => config.extra_hosts.get_or_insert_default().push(value),
        "cap-add" => config.cap_add.get_or_insert_default().push(value),
        "cap-drop" => config.cap_drop.get_or_insert_default().push(value),
        "security-opt" => config.security_opt.get_or_insert_default().push(value),
        "volume" => config.binds.get_or_insert_default().push(value),
        "pids-limit" => config.pids_limit = Some(number(key, &value)?),
        "init" => config.init = Some(value != "false"),
        "read-only" => config.readonly_rootfs = Some(value != "false"),
        _ => {
            return Err(format!(
                "Failed to launch container: the stand-in does not know the parameter {key} of docker run"
            ));
        }
    }
    Ok(())
}

/// What `docker run` says of a value that is no number.
fn number(key: &str, value: &str) -> Result<i64, String> {
    value.parse().map_err(|_| {
        format!("Failed to launch container: invalid argument \"{value}\" for \"--{key}\" flag")
    })
}
