//! The configuration as administrators are shown it on the pages.

use toml::{Table, Value};

/// Stands in the place of what is not shown.
const LEFT_OUT: &str = "(left out)";

/// What a file says, without its comments and what may be secret: addresses of webhooks, which are passwords of
/// chats, and addresses that a login is in.
pub(super) fn shown(text: &str) -> String {
    let Ok(mut table) = text.parse::<Table>() else { return String::new() };
    if let Some(Value::Array(hooks)) = table.get_mut("webhooks") {
        for hook in hooks.iter_mut().filter_map(Value::as_table_mut) {
            if let Some(url) = hook.get_mut("url") {
                *url = Value::String(LEFT_OUT.to_owned());
            }
        }
    }
    table.iter_mut().for_each(|(key, value)| leave_out(key, value));
    toml::to_string_pretty(&table).unwrap_or_default()
}

fn leave_out(key: &str, value: &mut Value) {
    match value {
        Value::String(text) if is_secret(key) || has_login(text) => LEFT_OUT.clone_into(text),
        Value::Array(all) => all.iter_mut().for_each(|one| leave_out(key, one)),
        Value::Table(table) => table.iter_mut().for_each(|(key, value)| leave_out(key, value)),
        _ => {}
    }
}

/// Secrets come from files, whose names may be shown; a key that sounds like one is no risk to take.
fn is_secret(key: &str) -> bool {
    let sounds = ["password", "secret", "token", "key"].iter().any(|word| key.contains(word));
    sounds && !key.ends_with("_file") && key != "secrets"
}

fn has_login(text: &str) -> bool {
    let authority = text.split_once("://").and_then(|(_, rest)| rest.split('/').next());
    authority.is_some_and(|authority| authority.contains('@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_secret_is_left_out() {
        let text = "listen = \"127.0.0.1:7070\" # here\n[swarm]\nsecrets = \"files\"\n\
            hosts = [\"tcp://me:hunter2@m1:2375\", \"tcp://m2:2375\"]\n\
            [[webhooks]]\nname = \"chat\"\nurl = \"https://hooks.example.com/T0/hunter2\"\n\
            [[email]]\npassword_file = \"/etc/mail-password\"\npassword = \"hunter2\"\n";
        let told = shown(text);
        assert!(!told.contains("hunter2") && !told.contains("here"), "{told}");
        for kept in
            ["127.0.0.1:7070", "\"files\"", "tcp://m2:2375", "/etc/mail-password", "\"chat\""]
        {
            assert!(told.contains(kept), "{kept} in {told}");
        }
        assert_eq!(shown("no = toml = at all"), "");
    }
}
