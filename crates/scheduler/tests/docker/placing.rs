//! What the only host must be, and what it keeps.

use bollard::models::VolumeCreateRequest;
use bollard::query_parameters::RemoveVolumeOptions;
use launcher_model::service::ServiceSpec;
use launcher_scheduler::{Error, OneOffRole, labels};

use crate::conformance::{Behaviour, Ground, one_off, place, settle, version_of};
use crate::ground::{DockerGround, volumes_of};

fn spec(text: &str) -> ServiceSpec {
    let basics = "[service]\nname = \"shop\"\nport = 8080\n";
    launcher_model::service::read("launcher.toml", &format!("{basics}{text}")).unwrap()
}

#[tokio::test]
async fn docker_refuses_what_the_only_host_is_not() {
    let ground = DockerGround::prepare().await;
    let engine = ground.engine();
    let host = engine.hosts().await.unwrap().remove(0);
    let image = ground.image(Behaviour::Runs).await;
    let asking = |hosts: &str| {
        let mut version = version_of("shop", 1, image.clone());
        version.spec = spec(&format!("[placement]\nhosts = {{ {hosts} }}\nspread = \"zone\"\n"));
        place(version, 1)
    };
    for (wrong, advice) in [("disk = \"ssd\"", "daemon.json"), ("name = \"elsewhere\"", "change")] {
        let placement = asking(wrong);
        let release = one_off(&placement, OneOffRole::Release, "echo hello");
        let refused =
            [engine.ensure(&placement).await.err(), engine.run_once(&release).await.err()];
        for error in refused.map(|refused| refused.expect("the only host is no such host")) {
            assert!(matches!(error, Error::Unplaceable(_)) && !error.is_passing(), "{error}");
            let text = error.to_string();
            for said in [wrong, &*host.name, advice] {
                assert!(text.contains(said), "{said}: {text}");
            }
        }
    }
    let right = asking(&format!("name = \"{}\"", host.name));
    assert_eq!(settle(&*engine, &right).await.len(), 1);
    // What is there is not looked at again.
    engine.ensure(&right).await.unwrap();
}

#[tokio::test]
async fn docker_volumes_have_labels_and_those_of_others_are_left_alone() {
    let ground = DockerGround::prepare().await;
    let engine = ground.engine();
    let image = ground.image(Behaviour::Runs).await;
    let with = |volume: &str| {
        let mut version = version_of("shop", 1, image.clone());
        version.spec = spec(&format!("[volumes]\n{volume} = \"/data\"\n"));
        place(version, 1)
    };
    let short = &ground.installation()[..8];
    let theirs = format!("launcher-{short}-shop_theirs");
    let request = VolumeCreateRequest {
        name: Some(theirs.clone()),
        labels: Some(
            [(labels::INSTALLATION.to_owned(), format!("{}-theirs", ground.installation()))].into(),
        ),
        ..VolumeCreateRequest::default()
    };
    ground.api.create_volume(request).await.unwrap();
    let error = engine.ensure(&with("theirs")).await.unwrap_err();
    assert!(error.to_string().contains(&theirs), "{error}");
    ground.api.remove_volume(&theirs, None::<RemoveVolumeOptions>).await.unwrap();

    settle(&*engine, &with("ours")).await;
    let ours = format!("launcher-{short}-shop_ours");
    assert_eq!(&*volumes_of(&ground.api, ground.installation()).await, std::slice::from_ref(&ours));
    let told = ground.api.inspect_volume(&ours).await.unwrap().labels;
    assert_eq!((&*told[labels::SERVICE], &*told[labels::VOLUME]), ("shop", "ours"));
}
