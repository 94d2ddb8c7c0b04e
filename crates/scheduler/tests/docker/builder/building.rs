//! Building images.

use futures_util::StreamExt;
use launcher_model::Span;
use launcher_model::image::PinnedImage;
use launcher_scheduler::docker::{Docker, ImageBuilder};
use launcher_scheduler::{Builder, Error, labels};
use rstest::rstest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::ground::{base, build, built, context, order, pushed, words};
use crate::conformance::{Ground, eventually, within};
use crate::ground::DockerGround;
use crate::images::{login, named, with_tls};
use crate::registry::Registry;

#[rstest]
#[tokio::test]
async fn docker_builds_a_stage_with_arguments_and_labels_and_a_cache(
    #[values(ImageBuilder::BuildKit, ImageBuilder::Classic)] builder: ImageBuilder,
) {
    let ground = DockerGround::prepare().await;
    let engine = ground.driver(|config| config.builder = builder);
    let dockerfile = format!(
        "{}ARG COLOUR=none\nRUN echo colour $COLOUR | busybox tr a-z A-Z\nFROM base AS last\nRUN exit 9\n",
        base(&ground)
    );
    let files = [("docker/web.Dockerfile", dockerfile.as_str()), ("note", "hello")];
    let order = order(|settings| {
        settings.dockerfile = "docker/web.Dockerfile".into();
        settings.target = Some("base".into());
        settings.args.insert("COLOUR".into(), format!("green {}", ground.installation()));
    });
    let printed = format!("COLOUR GREEN {}", ground.installation().to_uppercase());
    let (lines, image) = built(engine.build(&order, context(&files)).await).await;
    let image = image.unwrap_or_else(|error| panic!("{error}: {lines:#?}"));
    assert!(lines.iter().any(|line| line.contains(&printed)), "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains("exit 9")), "{lines:#?}");

    let told = ground.api.inspect_image(image.as_str()).await.unwrap();
    let found = told.config.unwrap().labels.unwrap();
    assert_eq!(found[labels::IMAGE_INSTALLATION], ground.installation());
    assert_eq!(found[labels::IMAGE_SERVICE], "shop");
    assert_eq!(found[labels::IMAGE_BUILD], "12");
    assert_eq!(found["commit"], "abc");
    let name = format!("launcher.local/shop:{}-b12", ground.installation());
    assert_eq!(told.repo_tags.unwrap(), [name]);

    let (lines, again) = built(engine.build(&order, context(&files)).await).await;
    assert_eq!(again.unwrap(), image, "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains(&printed)), "{lines:#?}");
    let words = if builder == ImageBuilder::BuildKit { "CACHED" } else { "Using cache" };
    assert!(lines.iter().filter(|line| line.contains(words)).count() >= 2, "{lines:#?}");
}

#[rstest]
#[tokio::test]
async fn docker_tells_the_last_words_of_a_step_that_fails(
    #[values(ImageBuilder::BuildKit, ImageBuilder::Classic)] builder: ImageBuilder,
) {
    let ground = DockerGround::prepare().await;
    let engine = ground.driver(|config| config.builder = builder);
    let (lines, outcome) =
        build(&ground, &engine, "RUN echo fine\nRUN echo out of luck; exit 7").await;
    assert!(lines.iter().any(|line| line.contains("fine")), "{lines:#?}");
    let error = outcome.unwrap_err();
    let told = error.to_string();
    assert!(matches!(&error, Error::Build { last, .. } if last == &["out of luck"]), "{error:?}");
    assert!(told.contains("exit 7") && told.contains("out of luck"), "{told}");
    assert!(!error.is_passing());

    let (_, outcome) = build(&ground, &engine, "NONSENSE").await;
    assert!(words(outcome).contains("NONSENSE"));
}

#[rstest]
#[tokio::test]
async fn docker_stops_a_build_that_nobody_waits_for(
    #[values(ImageBuilder::BuildKit, ImageBuilder::Classic)] builder: ImageBuilder,
) {
    let ground = DockerGround::prepare().await;
    let engine = ground.driver(|config| config.builder = builder);
    let mark = format!("sleep 43{}", rand::random::<u16>());
    let dockerfile = format!("{}RUN echo begun; busybox {mark}\n", base(&ground));
    let files = [("Dockerfile", dockerfile.as_str())];
    let mut told = engine.build(&order(|_| {}), context(&files)).await.unwrap();
    eventually("the step runs", async || runs(&mark).then_some(())).await;
    within(told.next()).await.unwrap().unwrap();
    drop(told);
    eventually("the step is ended", async || (!runs(&mark)).then_some(())).await;

    let order = order(|settings| settings.timeout = Span::secs(3));
    let (_, outcome) = built(engine.build(&order, context(&files)).await).await;
    assert!(matches!(outcome, Err(Error::BuildOverdue(_))), "{outcome:?}");
    eventually("the step is ended", async || (!runs(&mark)).then_some(())).await;
}

/// Whether a process of this machine was started with these words; the engine is on this machine.
fn runs(words: &str) -> bool {
    let wanted = words.replace(' ', "\0");
    std::fs::read_dir("/proc").unwrap().flatten().any(|process| {
        let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(&wanted)
    })
}

#[rstest]
#[tokio::test]
async fn docker_tells_of_files_that_cannot_be_read(
    #[values(ImageBuilder::BuildKit, ImageBuilder::Classic)] builder: ImageBuilder,
) {
    let ground = DockerGround::prepare().await;
    let engine = ground.driver(|config| config.builder = builder);
    let broken = std::io::Error::other("the repository is gone");
    let files = context(&[("Dockerfile", "FROM scratch")]).take(3);
    let files = files.chain(futures_util::stream::iter([Err(broken)])).boxed();
    let (_, outcome) = built(engine.build(&order(|_| {}), files).await).await;
    let told = words(outcome);
    assert!(told.contains("cannot be read: the repository is gone"), "{told}");
}

#[rstest]
#[tokio::test]
async fn docker_tells_that_the_engine_went_away_during_a_build(
    #[values(ImageBuilder::BuildKit, ImageBuilder::Classic)] builder: ImageBuilder,
) {
    let ground = DockerGround::prepare().await;
    let mut engine = ground.at_risk();
    engine.builder = builder;
    let engine = Docker::connect(engine).unwrap();
    let mark = format!("sleep 43{}", rand::random::<u16>());
    let dockerfile = format!("{}RUN busybox {mark}\n", base(&ground));
    let files = [("Dockerfile", dockerfile.as_str())];
    let told = engine.build(&order(|_| {}), context(&files)).await.unwrap();
    eventually("the step runs", async || runs(&mark).then_some(())).await;
    ground.take_away().await;
    let (_, outcome) = built(Ok(told)).await;
    assert!(outcome.as_ref().unwrap_err().is_passing(), "{outcome:?}");
    let (_, outcome) = built(engine.build(&order(|_| {}), context(&files)).await).await;
    assert!(outcome.as_ref().unwrap_err().is_passing(), "{outcome:?}");
    eventually("the step is ended", async || (!runs(&mark)).then_some(())).await;
}

#[rstest]
#[tokio::test]
async fn docker_builds_on_an_image_that_only_a_login_may_pull(
    #[values(ImageBuilder::BuildKit, ImageBuilder::Classic)] builder: ImageBuilder,
) {
    with_tls();
    let ground = DockerGround::prepare().await;
    let engine = ground.driver(|config| config.builder = builder);
    let registry = Registry::closed(&[("puller", "~~~???>>>")]).await;
    let good = login("puller", "~~~???>>>");
    let image = build(&ground, &engine, "").await.1.unwrap();
    let name = registry.name("base:1");
    let digest = pushed(&engine, &image, &name, Some(&good)).await.1.unwrap();
    let repository = registry.name("base");
    let reference = format!("{repository}@{digest}");
    let base = PinnedImage { requested: named(&name), reference: named(&reference), digest };
    engine.forget_image(&base).await.unwrap();

    let dockerfile = format!(
        "FROM {reference}\nLABEL launcher.test={}\nRUN [\"/bin/busybox\", \"true\"]\n",
        ground.installation()
    );
    let files = [("Dockerfile", dockerfile.as_str())];
    let mut order = order(|_| {});
    let (lines, outcome) = built(engine.build(&order, context(&files)).await).await;
    let told = words(outcome);
    assert!(told.contains("401") || told.contains("no basic auth"), "{told}: {lines:#?}");
    let host = repository.split_once('/').unwrap().0.to_owned();
    order.logins.insert(host, good);
    let (lines, outcome) = built(engine.build(&order, context(&files)).await).await;
    outcome.unwrap_or_else(|error| panic!("{error}: {lines:#?}"));
}

#[tokio::test]
async fn docker_builds_with_the_classic_builder_where_there_is_no_other() {
    let ground = DockerGround::prepare().await;
    let (_folder, old) = without_sessions();
    let engine = ground.driver(|config| config.host = old.clone());
    let (lines, outcome) = build(&ground, &engine, "RUN echo fine").await;
    outcome.unwrap();
    assert!(lines.iter().any(|line| line.starts_with("Step ")), "{lines:#?}");

    let strict = ground.driver(|config| {
        config.host = old.clone();
        config.builder = ImageBuilder::BuildKit;
    });
    let told = words(build(&ground, &strict, "").await.1);
    assert!(told.contains("cannot build with BuildKit") && told.contains("auto"), "{told}");
}

/// The engine by a way on which it knows no sessions, as one without BuildKit.
fn without_sessions() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("docker.sock");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let host = format!("unix://{}", path.display());
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut begin = [0; 64];
                let length = client.read(&mut begin).await.unwrap();
                let begin = &begin[..length];
                if String::from_utf8_lossy(begin).contains("/session") {
                    let answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
                    client.write_all(answer.as_bytes()).await.unwrap();
                    return;
                }
                let mut engine =
                    tokio::net::UnixStream::connect("/var/run/docker.sock").await.unwrap();
                engine.write_all(begin).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut engine).await;
            });
        }
    });
    (folder, host)
}
