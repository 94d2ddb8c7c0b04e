//! The text of a `launcher.toml`.

use toml::Value;

use super::find::Found;

/// The port when nothing says which.
pub(super) const LIKELY_PORT: u16 = 8080;

/// What it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    /// The port, and where it is known from.
    pub(super) port: (u16, String),
    /// The path of the check, and where it is known from; without one it is the port.
    pub(super) health: Option<(String, String)>,
}

/// Writes it.
pub(super) fn text(found: &Found, wanted: &Wanted) -> String {
    let name = quoted(found.name.as_str());
    let hosts = quoted(&format!("{}.localhost", found.name));
    let (port, why) = &wanted.port;
    let mut text = String::from("# How this application is built, checked and run.\n\n[service]\n");
    push(&mut text, &format!("name = {name}"), "");
    push(&mut text, "build = \".\"", "the folder that its image is built of");
    push(&mut text, &format!("hosts = [{hosts}]"), "where production is reached");
    push(&mut text, &format!("port = {port}"), why);
    text.push_str("\n[health]\n");
    match &wanted.health {
        Some((path, why)) => push(&mut text, &format!("path = {}", quoted(path)), why),
        None => {
            push(
                &mut text,
                "tcp = true",
                "healthy when the port takes a connection; better is a path that",
            );
            push(
                &mut text,
                "# path = \"/healthz\"",
                "answers 200 when the application can work, in its place",
            );
        }
    }
    let dockerfile = found.dockerfiles.first().map_or("Dockerfile", String::as_str);
    if dockerfile != "Dockerfile" {
        text.push_str("\n[build]\n");
        push(&mut text, &format!("dockerfile = {}", quoted(dockerfile)), "");
    }
    let branch = found.git.as_ref().map_or("main", |git| git.branch.as_str());
    if branch != "main" {
        text.push_str("\n[branches]\n");
        let line = format!("production = {}", quoted(branch));
        push(&mut text, &line, "each push of it becomes a version");
    }
    text
}

fn push(text: &mut String, line: &str, comment: &str) {
    if comment.is_empty() {
        text.push_str(&format!("{line}\n"));
    } else {
        text.push_str(&format!("{line:<32} # {comment}\n"));
    }
}

fn quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use launcher_model::ServiceName;
    use launcher_model::service;

    use super::super::find::Git;
    use super::*;

    fn written(dockerfile: &str, branch: &str, wanted: &Wanted) -> String {
        let found = Found {
            name: ServiceName::new("shop").unwrap(),
            dockerfiles: vec![dockerfile.to_owned()],
            facts: Default::default(),
            git: Some(Git { branch: branch.to_owned(), prefix: String::new() }),
        };
        let text = text(&found, wanted);
        let spec = service::read("launcher.toml", &text).unwrap();
        assert_eq!(spec.build.dockerfile, dockerfile);
        assert_eq!(spec.branches.production, branch);
        text
    }

    #[test]
    fn it_is_short_and_valid() {
        let port = (3000, "EXPOSE in the Dockerfile".to_owned());
        let health = Some(("/up".to_owned(), "it answered 200".to_owned()));
        let known = Wanted { port, health };
        insta::assert_snapshot!("known", written("Dockerfile", "main", &known));
        let unknown = Wanted { port: (LIKELY_PORT, "a guess".to_owned()), health: None };
        insta::assert_snapshot!("unknown", written("docker/Docker\"file", "feature/ü", &unknown));
    }
}
