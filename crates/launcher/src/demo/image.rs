//! Images of this very program, run as the sample application.
//!
//! There is nothing in one but the program and what it is linked with, so none needs to be pulled.

mod archive;
mod program;

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result, bail};
use bollard::Docker;
use bollard::query_parameters::BuildImageOptionsBuilder;
use bytes::Bytes;
use futures_util::{TryStreamExt, stream};

/// An image to build.
#[derive(Debug, Clone)]
pub(crate) struct Recipe {
    /// What it is called.
    pub(crate) tag: String,
    /// The version that the sample says it is.
    pub(crate) version: String,
    /// Further environment variables.
    pub(crate) env: Vec<(String, String)>,
    /// Its labels.
    pub(crate) labels: Vec<(String, String)>,
}

/// What all images have in common, read once.
#[derive(Debug, Clone)]
pub(crate) struct Base {
    /// The end of a tar archive, without its beginning.
    files: Bytes,
}

impl Base {
    /// Reads this program and the libraries that it is linked with.
    ///
    /// # Errors
    /// When they cannot be read, and on anything but Linux.
    pub(crate) async fn read() -> Result<Self> {
        let read = tokio::task::spawn_blocking(|| archive::end(&program::files()?)).await;
        Ok(Self { files: read.context("reading this program ended in a fault")??.into() })
    }

    /// Writes the files into a folder, as they are to be built.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(crate) async fn write(&self, folder: &Path) -> Result<()> {
        let (files, folder) = (self.files.clone(), folder.to_owned());
        let write = move || {
            let unpacked = tar::Archive::new(&files[..]).unpack(&folder);
            unpacked.with_context(|| format!("cannot write the program to {}", folder.display()))
        };
        tokio::task::spawn_blocking(write).await.context("writing this program ended in a fault")?
    }

    /// Builds an image, and returns its id. Images of one base share their files.
    ///
    /// # Errors
    /// When the engine does not build it.
    pub(crate) async fn build(&self, engine: &Docker, recipe: &Recipe) -> Result<String> {
        let beginning = archive::beginning(&dockerfile(recipe)?)?;
        let options = BuildImageOptionsBuilder::new().t(&recipe.tag).rm(true).forcerm(true).build();
        let parts = stream::iter([Bytes::from(beginning), self.files.clone()]);
        let steps = engine.build_image(options, None, Some(bollard::body_stream(parts)));
        let id = steps.try_fold(None, |id, step| {
            std::future::ready(Ok(step.aux.and_then(|image| image.id).or(id)))
        });
        let id = id.await.with_context(|| format!("cannot build the image {}", recipe.tag))?;
        id.with_context(|| format!("the engine built {} and did not say its id", recipe.tag))
    }
}

/// Labels come first and together, so that also what a build leaves that is broken off has all of them. What
/// differs from version to version comes last, so that versions share all layers with files.
pub(super) fn dockerfile(recipe: &Recipe) -> Result<String> {
    let mut text = "FROM scratch\n".to_owned();
    if !recipe.labels.is_empty() {
        text.push_str("LABEL");
        for (name, value) in &recipe.labels {
            write!(text, " {}={}", quoted(name)?, quoted(value)?)?;
        }
        text.push('\n');
    }
    writeln!(text, "COPY {}/ /", archive::ROOT)?;
    writeln!(text, "ENTRYPOINT [\"/launcher\", \"sample\"]")?;
    write!(text, "ENV SAMPLE_VERSION={}", quoted(&recipe.version)?)?;
    for (name, value) in &recipe.env {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(plain) {
            bail!("{name:?} is not a variable's name; write letters, digits and '_'");
        }
        write!(text, " {name}={}", quoted(value)?)?;
    }
    Ok(text)
}

/// A value as a Dockerfile has it, with nothing in it that is replaced.
fn quoted(value: &str) -> Result<String> {
    if value.contains(['\n', '\r', '\0']) {
        bail!("{value:?} has a line break in it, which cannot stand in an image's settings");
    }
    let mut text = String::from("\"");
    for character in value.chars() {
        if matches!(character, '"' | '\\' | '$') {
            text.push('\\');
        }
        text.push(character);
    }
    text.push('"');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, value: &str) -> Result<String> {
        let env = vec![(name.to_owned(), value.to_owned())];
        let (tag, version) = ("t".to_owned(), "1".to_owned());
        dockerfile(&Recipe { tag, version, env, labels: Vec::new() })
    }

    #[test]
    fn a_value_is_taken_as_it_stands() {
        let text = with("A", r#"a "b" \ $c"#).unwrap();
        assert!(text.ends_with(r#"ENV SAMPLE_VERSION="1" A="a \"b\" \\ \$c""#), "{text}");
    }

    #[test]
    fn a_variable_cannot_add_an_instruction() {
        assert!(with("A", "1\nRUN x").is_err());
        assert!(with("A=1\nRUN x", "1").is_err());
    }
}
