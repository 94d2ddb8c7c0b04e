//! `[source]` and `[jenkins]` in `launcher.toml`.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use launcher_model::service::{CodeHost, read};

const BASICS: &str =
    "[service]\nname = \"shop\"\nimage = \"registry.example.com/shop\"\nport = 8080\n";
const SOURCE: &str = r#"[source]
host = "github"
url = "https://github.com/acme/shop.git"
api = "https://api.github.com"
hook_secret = "shop/hook"
token = "shop/github-token"
"#;
const JENKINS: &str = r#"[jenkins]
url = "https://jenkins.example.com/ci"
job = "web/shop"
user = "launcher"
token = "shop/jenkins-token"
timeout = "30m"
parameters.TARGET = "staging"
"#;

#[test]
fn what_a_team_has_is_read() {
    let spec = read("launcher.toml", &format!("{BASICS}{SOURCE}{JENKINS}")).unwrap();
    let source = spec.source.clone().unwrap();
    assert_eq!((source.host, source.project()), (CodeHost::Github, "acme/shop"));
    assert_eq!(spec.jenkins.as_ref().unwrap().parameters["TARGET"], "staging");
    let again = serde_json::from_str(&serde_json::to_string(&spec).unwrap()).unwrap();
    assert_eq!(spec, again);
    // Nothing said, nothing kept: settings of before stay what they were.
    let without = serde_json::to_value(read("launcher.toml", BASICS).unwrap()).unwrap();
    assert!(without.get("source").is_none() && without.get("jenkins").is_none());
}

#[test]
fn mistakes_are_found_by_their_line() {
    for (whole, line, instead, words) in [
        (SOURCE, "host", "host = \"bitbucket\"", "expected one of `github`, `gitlab`, `gitea`"),
        (SOURCE, "url", "url = \"git@github.com:acme/shop.git\"", "must begin with https://"),
        (
            SOURCE,
            "url",
            "url = \"https://x:y@github.com/acme/shop.git\"",
            "the secret with the token",
        ),
        (SOURCE, "url", "url = \"https://github.com/shop.git\"", "the owner and the repository"),
        (SOURCE, "api", "api = \"api.github.com\"", "source.api: an API's URL"),
        (SOURCE, "hook_secret", "hook_secret = \"It's a secret\"", "is not a secret's name"),
        (SOURCE, "token", "token = \"ghp_ABC\"", "is not a secret's name"),
        (SOURCE, "token", "password = \"x\"", "password"),
        (JENKINS, "url", "url = \"jenkins.example.com\"", "jenkins.url: a URL"),
        (JENKINS, "job", "job = \"../admin\"", "a job, such as"),
        (JENKINS, "job", "job = \"web//shop\"", "a job, such as"),
        (JENKINS, "user", "user = \"a:b\"", "jenkins.user"),
        (JENKINS, "token", "token = \"11ABCD\"", "is not a secret's name"),
        (JENKINS, "timeout", "timeout = \"0s\"", "at least 1s"),
        (JENKINS, "parameters", "parameters.LAUNCHER_COMMIT = \"x\"", "another name"),
    ] {
        let lines: Vec<_> =
            whole.lines().map(|it| if it.starts_with(line) { instead } else { it }).collect();
        let text = format!("{BASICS}{}\n", lines.join("\n"));
        let error = read("launcher.toml", &text).expect_err(instead);
        assert!(error.message.contains(words), "{instead}: {error}");
        let at = text.lines().position(|it| it == instead).unwrap() + 1;
        assert_eq!(error.line, at, "{error}");
    }
    let without_image = BASICS.replace("image = \"registry.example.com/shop\"\n", "");
    let error = read("launcher.toml", &format!("{without_image}{JENKINS}")).unwrap_err();
    assert!(error.message.contains("needs service.image"), "{error}");
}
