//! `launcher demo`, and the images of the sample application that it shows itself with.

pub(crate) mod args;
mod engine;
mod image;

use std::io::Write;

use anyhow::{Context, Result};

use self::args::SampleImageArgs;
use self::image::{Base, Recipe};

/// Builds one image of the sample application, and prints its id.
pub(crate) async fn sample_image(args: SampleImageArgs) -> Result<()> {
    let engine = engine::connect().await?;
    let id = Base::read().await?.build(&engine, &Recipe::from(args)).await?;
    writeln!(std::io::stdout(), "{id}").context("cannot print the image's id")
}
