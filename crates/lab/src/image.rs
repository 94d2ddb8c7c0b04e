//! Bringing images into a lab's registry.

use std::path::{Path, PathBuf};

use bollard::Docker;
use bollard::body_full;
use bollard::query_parameters::{
    BuildImageOptionsBuilder, ImportImageOptions, PushImageOptionsBuilder, RemoveImageOptions,
    TagImageOptionsBuilder,
};
use bytes::Bytes;
use futures_util::TryStreamExt;

use crate::error::Error;
use crate::{Host, Result, engine};

/// Where this machine's own engine listens.
const OWN_ENGINE: &str = "/var/run/docker.sock";

/// What becomes an image in a lab's registry.
#[derive(Debug, Clone)]
pub enum Image {
    /// One that this machine's own engine has, by its name or its id.
    Local(String),
    /// The folder of a Dockerfile and what it takes.
    Folder(PathBuf),
}

/// Puts it into the registry at `registry` under a name such as `shop:1`, by way of the engine of a host,
/// which keeps nothing of it. Returns the name by which every engine of the lab pulls it.
///
/// # Errors
/// When it cannot be had, built or pushed.
pub(crate) async fn push(image: &Image, name: &str, registry: &str, host: &Host) -> Result<String> {
    let (repository, tag) = name.rsplit_once(':').unwrap_or((name, "latest"));
    let repository = format!("{registry}/{repository}");
    let name = format!("{repository}:{tag}");
    let refused = |why: bollard::errors::Error| failed(&name, &why);
    let engine = host.docker()?;
    match image {
        Image::Local(image) => {
            let id = copy(image, &engine).await?;
            let named = TagImageOptionsBuilder::new().repo(&repository).tag(tag).build();
            engine.tag_image(&id, Some(named)).await.map_err(refused)?;
        }
        Image::Folder(folder) => build(folder, &name, &engine).await?,
    }
    let options = PushImageOptionsBuilder::new().tag(tag).build();
    let pushing = engine.push_image(&repository, Some(options), None);
    pushing.try_collect::<Vec<_>>().await.map_err(refused)?;
    // A container may use it already, and then it stays.
    let _ = engine.remove_image(&name, None::<RemoveImageOptions>, None).await;
    Ok(name)
}

fn failed(image: &str, why: &impl ToString) -> Error {
    Error::Image { image: image.to_owned(), why: why.to_string() }
}

/// Copies an image of this machine's own engine to another one. Returns its id, which is the same there.
async fn copy(image: &str, to: &Docker) -> Result<String> {
    let refused = |why: bollard::errors::Error| failed(image, &why);
    let own = engine::client("this machine", Path::new(OWN_ENGINE))?;
    let id = own.inspect_image(image).await.map_err(refused)?.id;
    let id = id.ok_or_else(|| failed(image, &"its engine does not tell its id"))?;
    let exported: Vec<Bytes> = own.export_image(&id).try_collect().await.map_err(refused)?;
    let archive = body_full(exported.concat().into());
    let importing = to.import_image(ImportImageOptions::default(), archive, None);
    importing.try_collect::<Vec<_>>().await.map_err(refused)?;
    Ok(id)
}

async fn build(folder: &Path, name: &str, engine: &Docker) -> Result<()> {
    let archive = {
        let folder = folder.to_owned();
        tokio::task::spawn_blocking(move || pack(&folder)).await
    };
    let archive = archive.map_err(|why| failed(name, &why))?;
    let archive =
        archive.map_err(|why| Error::File { doing: "reading", path: folder.to_owned(), why })?;
    let options = BuildImageOptionsBuilder::new().t(name).rm(true).forcerm(true).build();
    let building = engine.build_image(options, None, Some(body_full(archive.into())));
    building.try_collect::<Vec<_>>().await.map_err(|why| failed(name, &why))?;
    Ok(())
}

fn pack(folder: &Path) -> std::io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_dir_all(".", folder)?;
    archive.into_inner()
}
