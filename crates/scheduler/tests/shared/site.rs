//! A lab, and the images that were put into its registry.

use std::collections::HashMap;
use std::os::unix::fs::PermissionsExt;

use launcher_lab::{Image, Lab, Options};
use launcher_model::image::PinnedImage;
use launcher_scheduler::Scheduler;
use tokio::sync::Mutex;

use crate::busybox;

/// A lab that the stories of one test share.
pub(crate) struct Site {
    pub(crate) lab: Lab,
    images: Mutex<HashMap<String, PinnedImage>>,
}

impl Site {
    /// Opens it.
    pub(crate) async fn open(options: Options) -> Self {
        Self { lab: Lab::open(options).await.expect("no lab"), images: Mutex::default() }
    }

    /// Puts an image into the registry, once, that is nothing but a static busybox and these lines of a
    /// Dockerfile; `engine` says what its name means.
    pub(crate) async fn push(
        &self,
        engine: &dyn Scheduler,
        name: &str,
        lines: &str,
    ) -> PinnedImage {
        let mut images = self.images.lock().await;
        if let Some(image) = images.get(name) {
            return image.clone();
        }
        let folder = tempfile::tempdir().unwrap();
        let busybox = folder.path().join("busybox");
        std::fs::write(&busybox, busybox::program()).unwrap();
        std::fs::set_permissions(&busybox, std::fs::Permissions::from_mode(0o755)).unwrap();
        let dockerfile = format!("FROM scratch\nCOPY busybox /bin/busybox\n{lines}\n");
        std::fs::write(folder.path().join("Dockerfile"), dockerfile).unwrap();
        let image = Image::Folder(folder.path().to_owned());
        let whole = self.lab.push(&format!("{name}:1"), &image).await.unwrap();
        let pinned = engine.resolve(&whole.parse().unwrap(), None).await.unwrap();
        images.insert(name.to_owned(), pinned.clone());
        pinned
    }
}
