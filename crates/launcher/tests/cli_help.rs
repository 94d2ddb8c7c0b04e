//! The help of every command, as it is printed.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::process::{Command, Output};

fn launcher(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_launcher"))
        .args(arguments)
        .env("COLUMNS", "100")
        .env_remove("LAUNCHER_URL")
        .env_remove("LAUNCHER_DATA")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// The commands under one that its help lists.
fn listed(help: &str) -> Vec<String> {
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = commands.take_while(|line| !line.is_empty());
    let names = names.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names
        .map(|line| line.split_whitespace().next().unwrap().to_owned())
        .filter(|name| name != "help")
        .collect()
}

#[test]
fn every_command_says_what_it_is_and_shows_examples() {
    let mut left: Vec<Vec<String>> = vec![vec![]];
    let mut seen = 0;
    while let Some(command) = left.pop() {
        let mut arguments: Vec<&str> = command.iter().map(String::as_str).collect();
        arguments.push("--help");
        let output = launcher(&arguments);
        let help = text(&output.stdout);
        assert!(output.status.success(), "{command:?}");
        assert!(help.contains("EXAMPLES") || command.is_empty(), "{command:?} shows no example");
        let summary = help.lines().next().unwrap();
        assert!(summary.len() > 10 && summary.len() <= 100, "{command:?}: {summary}");
        for name in listed(help) {
            left.push(command.iter().cloned().chain([name]).collect());
        }
        let name = if command.is_empty() { "launcher".to_owned() } else { command.join("-") };
        insta::assert_snapshot!(format!("help-{name}"), help);
        seen += 1;
    }
    assert!(seen >= 35, "only {seen} commands were found");
}

#[test]
fn what_is_typed_wrong_exits_with_2() {
    for wrong in [
        &["launch"][..],
        &["deploy", "shop", "latest"],
        &["exec", "shop", "1"],
        &["scale", "shop", "1", "many"],
        &["secret", "set", "shop/url", "the-value"],
        &["status", "Shop"],
        &["maintenance", "shop", "perhaps"],
        &["maintenance", "shop", "on", "--page", "a", "--no-page"],
        &["nonsense"],
    ] {
        let output = launcher(wrong);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{wrong:?}");
    }
}

#[test]
fn usage_does_not_ask_for_what_a_variable_says() {
    for wrong in [&["launch"][..], &["secret", "set"], &["edge"]] {
        let with = |variables: &[(&str, &str)]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_launcher"));
            command.args(wrong).env_clear().envs(variables.iter().copied());
            let output = command.output().unwrap();
            assert_eq!(output.status.code(), Some(2), "{wrong:?}");
            text(&output.stderr).to_owned()
        };
        let said = with(&[("LAUNCHER_DATA", "/somewhere"), ("LAUNCHER_URL", "http://a")]);
        assert_eq!(said, with(&[]));
        let help = launcher(&[wrong, &["--help"]].concat());
        let usage = text(&help.stdout).lines().find(|line| line.starts_with("Usage: ")).unwrap();
        assert!(said.lines().any(|line| line == usage), "{said}");
    }
}

#[test]
fn a_number_of_containers_out_of_range_is_told_in_one_way() {
    for wrong in ["0", "-1", "1001", "70000", "99999999999999999999"] {
        let output = launcher(&["scale", "shop", "v1", wrong]);
        assert_eq!(output.status.code(), Some(2), "{wrong}");
        let said = text(&output.stderr).lines().next().unwrap();
        let range = "an environment has 1 to 1000 containers; to have none, stop it";
        assert_eq!(said, format!("error: invalid value '{wrong}' for '<N>': {range}"));
    }
}

#[test]
fn completions_and_manual_pages_cover_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let output = launcher(&["completions", shell]);
        assert!(output.status.success() && text(&output.stdout).contains("rollback"), "{shell}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("man1");
    let output = launcher(&["man", "--dir", path.to_str().unwrap()]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for page in ["launcher.1", "launcher-deploy.1", "launcher-secret-set.1"] {
        assert!(path.join(page).is_file(), "{page}");
    }
    assert!(!path.join("launcher-sample.1").exists());
    let page = launcher(&["man"]);
    assert!(text(&page.stdout).contains("launcher"), "{}", text(&page.stderr));
}
