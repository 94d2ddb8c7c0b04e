//! What tests of the builder share.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};
use launcher_model::image::Digest;
use launcher_model::service::Build;
use launcher_model::{BuildId, Span};
use launcher_scheduler::{
    BuildOrder, Builder, Building, Context, Error, Output, Push, Pushing, RegistryLogin, Result,
    TestRun,
};

use crate::conformance::{PATIENCE, shell, shop, within};
use crate::ground::DockerGround;

pub(crate) const BUILD: BuildId = BuildId(12);

/// Dockerfile lines before those of a test: an image of nothing but busybox, with layers that no other test
/// shares.
pub(crate) fn base(ground: &DockerGround) -> String {
    format!(
        "FROM scratch AS base\nLABEL launcher.test={}\nCOPY busybox /bin/busybox\n\
         SHELL [\"/bin/busybox\", \"sh\", \"-c\"]\n",
        ground.installation()
    )
}

/// Files as a context, sent in pieces; busybox is among them.
pub(crate) fn context(files: &[(&str, &str)]) -> Context {
    let busybox = std::fs::read("/bin/busybox").unwrap();
    let mut tar = tar::Builder::new(Vec::new());
    let files = files.iter().map(|(name, content)| (*name, 0o644, content.as_bytes()));
    for (name, mode, content) in files.chain([("busybox", 0o755, &busybox[..])]) {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(mode);
        tar.append_data(&mut header, name, content).unwrap();
    }
    let bytes = Bytes::from(tar.into_inner().unwrap());
    let pieces: Vec<_> = bytes.chunks(10_000).map(|piece| Ok(bytes.slice_ref(piece))).collect();
    stream::iter(pieces).boxed()
}

/// An order with usual settings, and a change of them.
pub(crate) fn order(change: impl FnOnce(&mut Build)) -> BuildOrder {
    let mut settings = Build { timeout: Span::secs(PATIENCE.as_secs()), ..Build::default() };
    change(&mut settings);
    BuildOrder {
        service: shop(),
        id: BUILD,
        settings: Arc::new(settings),
        labels: BTreeMap::from([("commit".to_owned(), "abc".to_owned())]),
        logins: HashMap::new(),
    }
}

/// What a build printed, and the image or the error at its end.
pub(crate) async fn built(
    told: Result<BoxStream<'static, Result<Building>>>,
) -> (Vec<String>, Result<Digest>) {
    let mut lines = Vec::new();
    let mut told = match told {
        Ok(told) => told,
        Err(error) => return (lines, Err(error)),
    };
    loop {
        match within(told.next()).await.expect("the build ends without an outcome") {
            Ok(Building::Line(line)) => lines.push(line),
            Ok(Building::Built { image }) => return (lines, Ok(image)),
            Err(error) => return (lines, Err(error)),
        }
    }
}

/// Builds from a Dockerfile with these lines behind the base's.
pub(crate) async fn build(
    ground: &DockerGround,
    engine: &impl Builder,
    lines: &str,
) -> (Vec<String>, Result<Digest>) {
    let dockerfile = format!("{}{lines}\n", base(ground));
    let told = engine.build(&order(|_| {}), context(&[("Dockerfile", &dockerfile)])).await;
    built(told).await
}

/// A test of an image with this script.
pub(crate) fn test_run(image: &Digest, script: &str, timeout: Duration) -> TestRun {
    TestRun {
        service: shop(),
        id: BUILD,
        image: image.clone(),
        command: shell(script),
        variables: BTreeMap::from([("GREETING".to_owned(), "hello".to_owned())]),
        resources: Default::default(),
        timeout,
    }
}

/// What a test printed, and its exit status or the error at its end.
pub(crate) async fn tested(
    told: Result<BoxStream<'static, Result<Output>>>,
) -> (Vec<String>, Result<i64>) {
    let mut lines = Vec::new();
    let mut told = told.unwrap();
    loop {
        match within(told.next()).await.expect("the test ends without an outcome") {
            Ok(Output::Line(line)) => lines.push(line.text),
            Ok(Output::Exit { code }) => return (lines, Ok(code)),
            Err(error) => return (lines, Err(error)),
        }
    }
}

/// What a push printed, and the digest or the error at its end.
pub(crate) async fn pushed(
    engine: &impl Builder,
    image: &Digest,
    name: &str,
    login: Option<&RegistryLogin>,
) -> (Vec<String>, Result<Digest>) {
    let push = Push { image: image.clone(), to: name.parse().unwrap() };
    let mut told = engine.push(&push, login).await.unwrap();
    let mut lines = Vec::new();
    loop {
        match within(told.next()).await.expect("the push ends without an outcome") {
            Ok(Pushing::Line(line)) => lines.push(line),
            Ok(Pushing::Pushed { digest }) => return (lines, Ok(digest)),
            Err(error) => return (lines, Err(error)),
        }
    }
}

/// The error's words.
pub(crate) fn words<T>(outcome: Result<T>) -> String {
    outcome.map(drop).map_err(|error: Error| error.to_string()).expect_err("it went well")
}
