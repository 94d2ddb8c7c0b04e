use std::collections::BTreeSet;

use jiff::Timestamp;
use launcher_model::image::{Digest, ImageRef, PinnedImage};
use launcher_model::{ServiceName, VersionNumber};

use super::*;
use crate::identity::Installation;

fn release(settings: &str) -> Release {
    let text = format!("[service]\nname = \"shop\"\nport = 8080\n{settings}");
    let reference: ImageRef =
        format!("registry.example.com/shop@sha256:{}", "ab".repeat(32)).parse().unwrap();
    let digest = Digest::new(format!("sha256:{}", "ab".repeat(32))).unwrap();
    Release {
        service: ServiceName::new("shop").unwrap(),
        number: VersionNumber(42),
        image: PinnedImage { requested: reference.clone(), reference, digest },
        spec: launcher_model::service::read("launcher.toml", &text).unwrap(),
        secrets: BTreeMap::new(),
        commit: None,
        subject: None,
        author: None,
        branch: None,
        created_at: Timestamp::UNIX_EPOCH,
        created_by: "test".into(),
    }
}

fn common() -> Common {
    let docker_config = Some("file:///etc/docker.tar.gz".to_owned());
    Common { cpus: 0.1, memory: 512 << 20, docker_config }
}

fn body(settings: &str, avoid: &[&str], dialect: &str) -> Result<serde_json::Value> {
    let release = release(settings);
    let names = Names::new(Installation::new("0123456789abcdef").unwrap());
    let identity = Identity {
        service: release.service.clone(),
        version: release.number,
        attempt: if avoid.is_empty() { 1 } else { 2 },
        port: 8080,
        avoid: avoid.iter().copied().map(str::to_owned).collect::<BTreeSet<_>>(),
    };
    let variables = [
        ("DATABASE_URL".to_owned(), SecretString::from("postgres://db")),
        ("LAUNCHER_VERSION".to_owned(), SecretString::from("mine")),
    ];
    let dialect = Version::read(dialect).unwrap();
    let body = app(&names, &identity, &release, 3, &variables, &common(), dialect)?;
    Ok(serde_json::from_slice(&body).unwrap())
}

const FULL: &str = "[health]\nexec = [\"bin/check\", \"it's\"]\ninterval = \"1500ms\"\n\
    [resources]\ncpus = 0.25\nmemory = \"100MiB\"\n\
    [placement]\nhosts = { disk = \"ssd\" }\nspread = \"zone\"\n";

#[test]
fn an_app_is_asked_for_in_each_dialect() {
    for (name, dialect) in
        [("0_9", "0.9.2"), ("1_4", "1.4.12"), ("1_5", "1.5.0"), ("1_11", "1.11.24")]
    {
        let body = body(FULL, &["a.1", "b-2"], dialect).unwrap();
        insta::with_settings!({ sort_maps => true }, {
            insta::assert_json_snapshot!(format!("full_{name}"), body);
        });
    }
}

#[test]
fn a_service_that_says_nothing_special_is_spread_over_hosts_with_what_the_driver_gives() {
    let body = body("", &[], "1.9.73").unwrap();
    insta::with_settings!({ sort_maps => true }, { insta::assert_json_snapshot!(body) });
}

#[test]
fn volumes_need_a_host_of_their_own() {
    let volumes = "[volumes]\nuploads = \"/srv/uploads\"\n";
    let error = body(volumes, &[], "1.9.73").unwrap_err().to_string();
    assert!(error.contains("[placement]"), "{error}");
    let pinned = format!("{volumes}[placement]\nhosts = {{ name = \"a1\" }}\n");
    let body = body(&pinned, &[], "1.9.73").unwrap();
    let parameters = body["container"]["docker"]["parameters"].as_array().unwrap();
    let volume = parameters.iter().find(|parameter| parameter["key"] == "volume").unwrap();
    assert_eq!(volume["value"], "launcher-01234567-shop_uploads:/srv/uploads");
    assert_eq!(body["constraints"], serde_json::json!([["hostname", "CLUSTER", "a1"]]));
}

proptest::proptest! {
    /// What the shell makes of the words are the words again.
    #[test]
    fn words_are_quoted_for_the_shell(words in proptest::collection::vec("[a-z '\"$\\\\;\n*]{0,6}", 1..4)) {
        let script = format!("printf '%s\\0' {}", shell_words(&words));
        let output = std::process::Command::new("/bin/sh").args(["-c", &script]).output().unwrap();
        let told: Vec<_> = output.stdout.split(|b| *b == 0).map(|w| String::from_utf8_lossy(w).into_owned()).collect();
        proptest::prop_assert_eq!(&told[..told.len() - 1], words.as_slice());
    }
}
